from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor, Task

cdef class Pool:
    cdef public Reactor _reactor
    cdef public dict _idle
    cdef public double _keepalive
    cdef public int _max_idle
    cdef public Task _sweeper
    cdef public object _on_edge

    cpdef apply(self, forwarding)
    cpdef Channel take(self, bint repeatable, bint provable=*)
    cpdef put(self, Channel channel)
    cpdef clear(self)
    cpdef _close_oldest(self)
