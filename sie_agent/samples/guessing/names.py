"""What shops and tools call their columns, in English, German, Chinese and Japanese, letters and digits alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import pandas as pd

# in the order in which columns are looked for; within each, the surest name first. Letters and digits alone count
NAMES: dict[str, str] = {
    "query": """query search_query search_phrase search_term search_terms query_text search_text search_keyword
        search_string user_query raw_query query_string normalized_query search_keywords keyword keywords phrase
        searched_for internal_search_term site_search_term site_search search_input suchbegriff suchanfrage suchwort
        suchphrase suchtext suchwoerter suchbegriffe anfrage suche term search q
        搜索词 查询 查询词 搜索关键词 关键词 关键字 检索词 搜尋詞 關鍵字
        検索語 検索キーワード 検索ワード 検索クエリ クエリ キーワード""",
    "title": """title product_title item_title product_name item_name produktname produkttitel produktbezeichnung
        artikelname artikelbezeichnung artikeltitel bezeichnung titel doc_title document_title listing_title
        display_name item_label product_label name headline product artikel produkt item
        商品名称 商品标题 商品名 商品名稱 名称 标题 产品名称 商品タイトル 製品名 品名 タイトル アイテム名""",
    "item_id": """item_id product_id product_uid sku asin gtin ean product_sku item_sku variant_sku variant_id
        artikelnummer artikelnr artikel_nr artikel_id art_nr artnr produkt_id produktnummer product_number
        product_code item_code item_number object_id doc_id document_id listing_id article_id article_number
        offer_id content_id movie_id book_id track_id game_id pid iid handle item product artikel produkt
        商品id 商品编号 商品编码 商品編號 产品id 物品id 商品コード 商品番号 品番 アイテムid 製品id 商品""",
    "sample_id": "sample_id row_id example_id impression_id record_id zeilennummer zeilen_id id",
    "description": """description product_description item_description desc product_text long_description
        short_description body_html body beschreibung produktbeschreibung artikelbeschreibung langtext
        kurzbeschreibung details text
        商品描述 商品详情 描述 商品説明 商品説明文 説明""",
    "grade": """grade relevance relevance_grade relevance_score relevancy esci_label human_label human_relevance
        judgment judgement human_judgment human_grade annotation annotator_label gold gold_label relevanz
        bewertung_relevanz relevance_label rating gain
        相关性 相关度 関連度 関連性""",
    "user_id": """user_id user userid customer_id customer customer_number shopper_id shopper visitor_id visitor
        client_id user_pseudo_id user_token member_id account_id profile_id reviewer_id nutzer nutzer_id benutzer
        benutzer_id kunde kunden_id kundennummer kundennr besucher besucher_id uid session_id session sessionid
        sitzung sitzungs_id
        用户id 用户编号 用户 会员id 會員id 使用者id 顾客id ユーザーid ユーザid 会員番号 顧客id 会話id 会话id""",
    "history": """history purchase_history item_history past_items items_bought bought_items purchased_items
        sequence item_sequence item_ids product_ids items basket_history interactions verlauf kaufhistorie""",
    "target": """target_item_id target_item next_item next_item_id next_product label_item target_id
        naechster_artikel target""",
    "position": """position rank pos display_position item_list_position list_position result_position
        product_position slot platz platzierung rang positionen positions item_list_index item_index index
        位置 排名 排序 展示位置 表示順位 表示順 順位 掲載順位""",
    "timestamp": """timestamp ts time event_time event_timestamp datetime date_time created_at event_date date
        zeitstempel zeit zeitpunkt datum unix_time epoch logged_at occurred_at
        时间 时间戳 日期 时间日期 時間 時刻 日時 日付 タイムスタンプ""",
    "impressions": """impressions impression_count n_impressions times_shown shown views_in_list item_list_views
        impressionen einblendungen
        曝光数 曝光次数 展示次数 表示回数 インプレッション""",
    "label": "label y target 标签 ラベル",
}
# of each event the surest name first; what it is worth is in the map, where a person can change it
EVENTS: dict[str, str] = {
    "purchase": """purchased purchase is_purchase is_purchased purchases item_purchased bought is_bought ordered
        orders order is_ordered converted conversion conversions transactions sold units_sold gekauft kauf kaeufe
        bestellt bestellung bestellungen conversion_flag
        购买 是否购买 购买数 下单 成交 購入 購入数 購入フラグ 注文 注文数""",
    "cart": """added_to_cart add_to_cart is_add_to_cart cart carts is_cart in_cart carted cart_add cart_adds
        add_to_carts adds_to_cart atc added_to_basket add_to_basket basket in_basket warenkorb in_den_warenkorb
        im_warenkorb warenkorb_hinzugefuegt
        加购 是否加购 加购数 加入购物车 购物车 カート カート追加 カート投入""",
    "click": """clicked click is_click is_clicked clicks item_clicked product_clicked clickthrough click_count
        n_clicks select_item item_list_clicks geklickt klick klicks angeklickt
        点击 是否点击 点击数 点击次数 點擊 クリック クリック数 クリックフラグ""",
}
WORTH = {"purchase": 1.0, "cart": 0.6, "click": 0.3}
# columns that name the event of their row, and what its words are worth
KIND_OF_EVENT = """event_type event_name event action interaction interaction_type ereignis event_kind aktion
    behavior behaviour behavior_type action_type
    行为 行为类型 事件 事件类型 行動 イベント イベント名"""
EVENT_WORDS: dict[float, str] = {
    0.0: """view impression view_item_list view_search_results search show shown exposure viewed_list item_list_view
        none display ansicht einblendung impressed impress expose viewed views impressions remove_from_cart
        removefromcart removed_from_cart remove
        曝光 展示 展现 表示 移出购物车""",
    0.3: """click clicked select_item select_content view_item product_view detail detail_view item_view
        clickthrough pageview page_view product_click item_click klick pv clicks viewed_product
        点击 浏览 クリック 閲覧""",
    0.6: """cart add_to_cart addtocart added_to_cart basket add_to_basket begin_checkout checkout add
        add_to_wishlist fav wishlist warenkorb carts favorite favourite
        加购 加入购物车 收藏 カート カート追加""",
    1.0: """purchase purchased buy order ordered transaction conversion converted sale bought kauf bestellung
        purchases orders ordering transactions
        购买 下单 成交 購入 注文""",
}
WORTH_OF_WORD = {word: worth for worth, words in EVENT_WORDS.items() for word in words.split()}
# a page of one item in a log that has no other word for a click (RetailRocket, REES46), an item in a list in others
PAGE_OR_LIST = ("view", "viewed", "views")
ATTRIBUTES: dict[str, str] = {
    "brand": """brand marke hersteller manufacturer vendor product_brand item_brand brand_name make
        品牌 ブランド""",
    "price": """price preis unit_price sale_price list_price product_price item_price variant_price amount_price
        einzelpreis
        价格 售价 单价 価格 値段""",
    "category": """category categories kategorie warengruppe product_category item_category category_name
        product_type type category_path produktkategorie kategorien product_class genre genres
        类别 类目 分类 品类 カテゴリ カテゴリー""",
    "department": "department abteilung dept",
    "color": "color colour farbe product_color item_color colour_name color_name",
    "size": "size groesse product_size item_size item_variant_size",
    "material": "material fabric stoff",
    "gender": "gender geschlecht",
    "rating": "avg_rating average_rating product_rating star_rating stars review_score sterne rating_avg",
    "availability": "availability in_stock stock lagerbestand verfuegbarkeit verfuegbar",
    "language": "language locale product_locale lang sprache",
}
# what tools put before the name of a field
PREFIXES = """items event_params params properties source hit hits result results data payload ecommerce
    product_data doc item product"""
SPELLINGS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def simple(name: str) -> str:
    """``Product Title`` and ``productTitle`` as ``product_title``; ``Größe`` as ``groesse``; full-width as ASCII."""
    spelled = unicodedata.normalize("NFKC", name).translate(SPELLINGS)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", spelled)
    return re.sub(r"[\W_]+", "_", parted.lower()).strip("_")


def worth_of_words(column: pd.Series, most: int | None = None) -> tuple[dict[str, float], list[str]]:
    """What each word of a column of events is worth, and the words that are not known; of the first *most* words."""
    said = column.dropna().astype(str).str.strip()
    found = said[said != ""].unique().tolist()[:most]
    known = {word: WORTH_OF_WORD[simple(word)] for word in found if simple(word) in WORTH_OF_WORD}
    return known, sorted(set(found) - set(known))


def squashed(name: str) -> str:
    """Letters and digits alone: ``departmenT``, ``Depart-ment`` and ``department`` are one."""
    return simple(name).replace("_", "")


def spellings(name: str) -> list[str]:
    """A name squashed, as it is, then without what tools put before it: ``items.item_id`` as ``itemid``, ``id`` not.

    Of a field inside of objects, ``request.query``, the names without what it is inside of come last.
    """
    parts = simple(name).split("_")
    found = ["".join(parts)]
    for start in range(1, min(len(parts), 3)):
        if "_".join(parts[:start]) in PREFIXES.split():
            found.append("".join(parts[start:]))
    inner = name.split(".")
    found += [squashed(".".join(inner[start:])) for start in range(1, len(inner))]
    return list(dict.fromkeys(found))


def ranked(there: Iterable[str], known: str) -> list[str]:
    """Those of the columns whose name is a known one, the best known first; names without prefixes before others."""
    by_name: list[dict[str, str]] = [{}, {}, {}, {}]
    for column in there:
        for depth, spelled in enumerate(spellings(column)[:4]):
            # without its prefix an id is the id of anything, and a name anybody's
            if depth == 0 or spelled not in ("id", "name", "type", "text", "index", "value", "y", "q", "date", "time"):
                by_name[depth].setdefault(spelled, column)
    wanted = list(dict.fromkeys(squashed(name) for name in known.split()))
    return list(dict.fromkeys(names[name] for names in by_name for name in wanted if name in names))
