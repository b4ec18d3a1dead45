from webqx_supervisor.core.inheriting import passed_on

ENVIRON = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "LC_TIME": "C",
    "lc_x": "1",
    "WEBQX_SV_HOME": "/x",
    "NOTIFY_SOCKET": "/n",
    "LISTEN_FDS": "1",
    "NODE_CHANNEL_FD": "3",
}


def test_all_is_all_but_what_is_the_daemons_own():
    assert passed_on(ENVIRON, ("*",)).keys() == {"PATH", "LC_ALL", "LC_TIME", "lc_x"}


def test_names_and_patterns_choose():
    assert passed_on(ENVIRON, ("LC_*", "HOME")).keys() == {"LC_ALL", "LC_TIME"}
    assert passed_on(ENVIRON, ("PAT?",)) == {"PATH": "/bin"}


def test_nothing_is_nothing():
    assert passed_on(ENVIRON, ()) == {}


def test_what_is_the_daemons_own_cannot_be_asked_for():
    assert passed_on(ENVIRON, ("NOTIFY_SOCKET", "WEBQX_SV_*")) == {}
