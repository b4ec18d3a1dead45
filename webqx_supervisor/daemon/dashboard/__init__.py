"""The page that the daemon serves to browsers.

door: who may come in, and where · sessions: who was let in · live: what the page is told all the
time · assets: the files that it is made of, in page/.
"""
