from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor

cdef class Watch

cdef class Silence:
    cdef public long long waiting
    cdef public double heard_at
    cdef public double hang_timeout
    cdef public double _asked_at
    cdef public double _held_until
    cdef public dict _relays
    cdef public dict _uploads
    cdef public Watch _watch

    cpdef begin(self, double now)
    cpdef end(self)
    cpdef begin_upload(self, Channel channel, double began)
    cpdef end_upload(self, Channel channel, double now)
    cpdef begin_relay(self, Channel channel, Channel client)
    cpdef let_go(self, Channel channel, double now)
    cpdef double _since(self)

cdef class Watch:
    cdef public bint awake
    cdef public dict silences
    cdef public Reactor _reactor
    cdef public object _tell

    cpdef wake(self)
