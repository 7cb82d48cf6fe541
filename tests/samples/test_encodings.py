"""East Asian encodings are named, with a command that works; others are not taken for them."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.sources.encodings import likely_encoding

HEADER = "query,item_id,title\n"
EAST_ASIAN = [
    ("gb18030", "GB18030", "台灯,b,大台灯\n"),
    ("gb18030", "GB18030", "无线鼠标,a,罗技无线蓝牙鼠标 办公静音\n充电宝,c,小米移动电源 大容量快充\n"),
    ("cp932", "CP932", "ランプ,b,机のランプ\n"),
    ("cp932", "CP932", "収納ボックス,x,折りたたみ収納ケース 大容量\n軽量リュック,c,ﾘｭｯｸ 通勤用\n"),
    ("euc_jp", "EUC-JP", "ランプ,b,机のランプ\n"),
    ("big5", "BIG5", "無線滑鼠,a,羅技無線藍牙滑鼠 辦公靜音\n"),
    ("euc_kr", "CP949", "램프,b,큰 책상 램프\n"),
]
OTHERS = [
    ("cp1251", "лампа,b,Настольная лампа белая\n"),
    ("koi8-r", "лампа,b,Настольная лампа белая\n"),
    ("cp1253", "λάμπα,b,Επιτραπέζια λάμπα\n"),
    ("cp1250", "Židle,b,černá židle příslušenství\n"),
    ("cp1250", "łóżko,b,białe łóżko\n"),
    ("cp874", "เก้าอี้,b,เก้าอี้ไม้\n"),
    ("mac_roman", "Stühle,b,Große Stühle\n"),
    ("cp850", "Tür,b,Türgriff für Schränke\n"),
]


@pytest.mark.parametrize(("codec", "name", "rows"), EAST_ASIAN)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_the_command_that_is_named_makes_the_file_readable(
    tmp_path: Path, codec: str, name: str, rows: str, ending: str
) -> None:
    content = (HEADER + rows).encode(codec)
    path = tmp_path / f"my log{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    with pytest.raises(InputError, match=rf"the text is not UTF-8 .* looks like .*iconv -f {name} -t UTF-8") as caught:
        load_samples(path)
    with pytest.raises(InputError, match=f"iconv -f {name}"):
        list(stream_samples(path))
    command = re.sub(r".*?with: ", "", str(caught.value.hint))
    subprocess.run(command, shell=True, check=True)
    assert load_samples(tmp_path / "my log-utf8.csv")["title"].iloc[0] == rows.splitlines()[0].split(",")[2]


@pytest.mark.parametrize(("codec", "rows"), OTHERS)
def test_other_encodings_are_not_taken_for_them(codec: str, rows: str) -> None:
    assert likely_encoding((HEADER + rows).encode(codec)) is None
