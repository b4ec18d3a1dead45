from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor, Task

cdef class Tunnel:
    cdef public long long sent
    cdef public Channel _client
    cdef public double _moved_at
    cdef public Reactor _reactor
    cdef public double _seconds
    cdef public Channel _upstream
