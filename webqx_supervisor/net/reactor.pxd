cimport cython

cdef class Reactor

cdef class Watched:
    cpdef on_events(self, int events)
    cpdef close(self)

cdef class _Herald(Watched):
    cdef public Reactor _reactor

cdef class Task:
    cdef public object coroutine
    cdef public bint done
    cdef public object error
    cdef public double expires
    cdef public double bucket
    cdef public Task parent
    cdef public Task _joiner
    cdef public Reactor _reactor
    cdef public bint _suspended

    cpdef cancel(self)
    cpdef hurry(self, double seconds)
    cpdef arm(self)
    cpdef bint overdue(self, double now)
    cpdef Task end(self)

cdef class Timers:
    cdef public dict buckets
    cdef public list _order

    cpdef double move(self, Task task, double old, double expires, double grain=*)
    cpdef forget(self, Task task, double time)
    cpdef double next(self)
    cpdef set due(self, double now)

cdef class Reactor:
    cdef public double now
    cdef public Timers timers
    cdef public object _clock
    cdef public object _poller
    cdef public dict _watched
    cdef public set _tasks
    cdef public object _ready
    cdef public list _failed
    cdef public list _closing
    cdef public Task _current
    cdef public object _sleep
    cdef public bint _busy
    cdef public bint _called
    cdef public bint _turning

    cpdef Task spawn(self, object coroutine, Task parent=*)
    cpdef schedule(self, Task task)
    cpdef wait(self, double seconds)
    cpdef register(self, int fd, object watched)
    cpdef heed(self, int fd)
    cpdef give_way(self)
    cpdef unregister(self, int fd, object close)
    cpdef resume(self, Task task)
    cpdef _take_turn(self)
    @cython.locals(target=Watched, fd=int, mask=int)
    cpdef bint _round(self, double seconds)
    cpdef _expire(self)
    cpdef _close_fds(self)
    cpdef _run(self, Task task, object error)
    cpdef _deliver(self, Task failed)
    cpdef finished(self, Task task)
