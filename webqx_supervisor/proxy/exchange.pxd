from webqx_supervisor.core.wire.messages cimport RequestHead
from webqx_supervisor.proxy.accesslog cimport Record
from webqx_supervisor.proxy.gateway cimport Client, Gateway
from webqx_supervisor.proxy.meters cimport RouteMeter, WorkerMeter

cdef class Exchange:
    cdef public double began
    cdef public object claims
    cdef public Client client
    cdef public object compress
    cdef public object coding
    cdef public list endings
    cdef public bint endless
    cdef public int error
    cdef public bytes extra
    cdef public bytes forwarded
    cdef public Gateway gateway
    cdef public bint handed
    cdef public RequestHead head
    cdef public str ip
    cdef public bint keep
    cdef public bytes led
    cdef public RouteMeter meter
    cdef public str name
    cdef public long long number
    cdef public object pages
    cdef public bint quiet
    cdef public str reason
    cdef public int retries
    cdef public long long sent
    cdef public object spans
    cdef public int status
    cdef public object strip
    cdef public bytes target
    cdef public object timing
    cdef public str trace
    cdef public object upload
    cdef public str upstream
    cdef public WorkerMeter worker

    cpdef str request_id(self)
    cpdef bint may_keep(self)
    cpdef end(self)
    cpdef count_as(self, RouteMeter meter)
    cpdef _count(self, int status)
    cpdef record(self)
