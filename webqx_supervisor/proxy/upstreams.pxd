from webqx_supervisor.net.reactor cimport Reactor
from webqx_supervisor.proxy.group cimport Group
from webqx_supervisor.proxy.silence cimport Watch
from webqx_supervisor.proxy.upstream cimport LiveUpstream

cdef class Upstreams:
    cdef public Reactor _reactor
    cdef public object _idle
    cdef public object meters
    cdef public object _moved
    cdef public object _seed
    cdef public object _tally
    cdef public object _bell
    cdef public dict _groups
    cdef public dict _upstreams
    cdef public Watch _watch
    cdef public object _queue_watch

    cpdef release(self, Group group, LiveUpstream upstream, bint answered)
    cpdef bint keep(self, LiveUpstream upstream)
    cpdef Group group(self, str service)
    cpdef list apply(self, table)
