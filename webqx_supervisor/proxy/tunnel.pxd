from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.pipe cimport Pipe, open_pipe
from webqx_supervisor.net.reactor cimport Reactor, Task
from webqx_supervisor.proxy.meters cimport RouteMeter

cdef class Way:
    cdef public Channel _source
    cdef public Channel _sink
    cdef public bytes _rest
    cdef public Pipe _pipe
    cdef public bint _bulk
    cdef public long long moved
    cdef public double active_at
    cdef public bint over
    cdef public object follower

    cpdef bint is_clean(self)
    cpdef carry(self, double now)
    cpdef bint is_refused(self)
    cpdef bint could_go_on(self)
    cpdef has_stalled(self, double since)
    cpdef end(self)
    cpdef bint _push(self)
    cpdef bint _pull(self)
    cpdef bint _pull_through(self)

cdef class Tunnel:
    cdef public Channel _client
    cdef public Channel _upstream
    cdef public Way _up
    cdef public Way _down
    cdef public Reactor _reactor
    cdef public double _seconds
    cdef public Task _task
    cdef public int _code
    cdef public double _dismissed_at
    cdef public bint _interrupted
    cdef public RouteMeter meter
    cdef public long long _told_up
    cdef public long long _told_down

    cpdef follow_frames(self, bytes up, bytes down)
    cpdef dismiss(self, int code)
    cpdef interrupt(self)
    cpdef _count(self, RouteMeter meter)
    cpdef _wake(self)
    cpdef bint _has_parted(self) except -1
    cpdef double _until(self)
    cpdef _judge(self)
