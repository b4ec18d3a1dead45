"""A live screen of services and workers.

verb: the command · session: talks with daemon and terminal · terminal: keys in, screen out ·
rows: what is to be seen · view: what a key does to it · draw: how it looks.
"""
