from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor, Task

from webqx_supervisor.core.routing cimport Router
from webqx_supervisor.proxy.accesslog cimport AccessLog
from webqx_supervisor.proxy.group cimport Group
from webqx_supervisor.proxy.upstreams cimport Upstreams
from webqx_supervisor.proxy.way cimport Way

cdef class Client:
    cdef public bytes ahead
    cdef public bint busy
    cdef public bint over
    cdef public Channel channel
    cdef public object door
    cdef public bytes forwarded
    cdef public object introduction
    cdef public str ip
    cdef public long long request
    cdef public Task task
    cdef public bint trusted
    cdef public object vouch


cdef class Gateway:
    cdef public Reactor reactor
    cdef public AccessLog log
    cdef public object destroyed
    cdef public object meters
    cdef public Upstreams upstreams
    cdef public set clients
    cdef public long long requests
    cdef public object tell
    cdef public object heir
    cdef public object losses
    cdef public object keyring
    cdef public object aside
    cdef public object audit
    cdef public object tracer
    cdef public object rates
    cdef public object in_flight
    cdef public bint leaving
    cdef public object _empty
    cdef public object make_way
    cdef public Router _router
    cdef public dict _ways
    cdef public bint _guarded
    cdef public bytes _date
    cdef public double _date_until

    cpdef list apply(self, table)
    cpdef Way way(self, str listener, bytes host, str path, head=*)
    cpdef Group group(self, route)
    cpdef forget(self, Client client)
    cpdef bytes date(self)
