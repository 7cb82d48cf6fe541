"""Sources: files, folders and data sets of any form, read as tables."""
