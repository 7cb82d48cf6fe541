"""The steps of ``sie campaign``: each calls the verbs that there are."""
