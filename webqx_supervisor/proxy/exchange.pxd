from webqx_supervisor.core.wire.messages cimport RequestHead
from webqx_supervisor.proxy.accesslog cimport Record
from webqx_supervisor.proxy.gateway cimport Client, Gateway

cdef class Exchange:
    cdef public double began
    cdef public object claims
    cdef public Client client
    cdef public object compress
    cdef public object coding
    cdef public list endings
    cdef public bytes extra
    cdef public bytes forwarded
    cdef public Gateway gateway
    cdef public RequestHead head
    cdef public str ip
    cdef public bint keep
    cdef public bytes led
    cdef public str name
    cdef public long long number
    cdef public object pages
    cdef public bint quiet
    cdef public str reason
    cdef public int retries
    cdef public long long sent
    cdef public int status
    cdef public object strip
    cdef public bytes target
    cdef public object timing
    cdef public str trace
    cdef public object upload
    cdef public str upstream

    cpdef str request_id(self)
    cpdef bint may_keep(self)
    cpdef end(self)
    cpdef record(self)
