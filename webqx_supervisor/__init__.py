"""webqx-sv: a process supervisor and load balancer in one.

The rooms, from the ground up; imports point down only:
model    nouns: frozen values              core     rules: no I/O, no clock, no randomness
config   services.toml <-> model           net      I/O on sockets
process  I/O on children                   control  how one program commands another
keeper, daemon, proxy, cli                 the four programs
"""

from pathlib import Path

from webqx_supervisor import compiled, openssl

compiled.choose(Path(__file__).parent)
openssl.put_off()

__version__ = "0.1.0"
