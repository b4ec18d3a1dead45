from webqx_supervisor.net.reactor cimport Reactor, Task
from webqx_supervisor.proxy.meters cimport QueueMeter
from webqx_supervisor.proxy.upstream cimport LiveUpstream

cdef class Wish:
    cdef public bytes key
    cdef public bytes home
    cdef public list tried

cdef class Waiter:
    cdef public LiveUpstream granted
    cdef public double since
    cdef public Task task
    cdef public Wish wish

cdef class Group:
    cdef public str service
    cdef public object forwarding
    cdef public list up
    cdef public object waiting
    cdef public QueueMeter meter
    cdef public bint wishful
    cdef public bint serves
    cdef public bint asleep
    cdef public object budget
    cdef public frozenset suspects
    cdef public frozenset quarantined
    cdef public bint watched
    cdef public object _affinity
    cdef public bint _autoscaled
    cdef public list _available
    cdef public object _balance
    cdef public bint _expecting
    cdef public bint _guarded
    cdef public int _limit
    cdef public object _line
    cdef public Task _looker
    cdef public double _most_ejected
    cdef public object _policy
    cdef public Reactor _reactor
    cdef public str _reason
    cdef public object _seed
    cdef public object _watch

    cpdef apply(self, group, list up, line)
    cpdef Wish wish(self, head, str client_ip)
    cpdef bytes lead_back(self, Wish wish, LiveUpstream upstream)
    cpdef LiveUpstream claim_now(self, Wish wish=*)
    cpdef refused(self, LiveUpstream upstream)
    cpdef changed(self)
    cpdef _enter(self, LiveUpstream upstream)
    cpdef released(self)
    cpdef LiveUpstream _take(self, Wish wish, double since)
    cpdef _check_hope(self)
    cpdef _strike(self, Waiter waiter)
    cpdef _note_oldest(self)
    cpdef _sort_out(self)
