"""The gradebook of many submissions: one page, a table for spreadsheets, and JSON.

`rows` reads run folders and judges them, `page` and its template, `tables` how it is written. It is a
pure function of the folders: it holds no clock, no absolute path, and the same folders make the same files. It must not know how
submissions were run.
"""
