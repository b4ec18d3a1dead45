from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor
from webqx_supervisor.proxy.guard cimport Guard
from webqx_supervisor.proxy.meters cimport WorkerMeter
from webqx_supervisor.proxy.pool cimport Pool
from webqx_supervisor.proxy.silence cimport Silence

cdef class LiveUpstream:
    cdef public str id
    cdef public str host
    cdef public int port
    cdef public bint draining
    cdef public Guard guard
    cdef public bint refused
    cdef public bint remote
    cdef public long long in_flight
    cdef public long long answered
    cdef public WorkerMeter meter
    cdef public Pool pool
    cdef public object seed
    cdef public Silence silence
    cdef public bytes token
    cdef public object weight
    cdef public bint backup
    cdef public double ready_at
    cdef public int _slot
    cdef public object _tally
    cdef public int _ending
    cdef public Reactor _reactor
    cdef public dict _endless

    cpdef apply(self, upstream, tally)
    cpdef load(self)
    cpdef enter(self)
    cpdef leave(self)
    cpdef begin_endless(self, Channel channel, object what)
    cpdef end_endless(self, Channel channel)
    cpdef list endless(self)
