from webqx_supervisor.net.calls cimport receive, send
from webqx_supervisor.net.reactor cimport Reactor, Task, Watched

cdef class Channel(Watched):
    cdef public bint readable
    cdef public bint writable
    cdef public bint ended
    cdef public bint closed
    cdef public int fd
    cdef public object _hook
    cdef public int _hooked
    cdef public Reactor _reactor
    cdef public Task _reader
    cdef public int _run
    cdef public object _socket
    cdef public Task _writer

    cpdef on_events(self, int events)
    cpdef hook(self, int events, object hook)
    cpdef unhook(self)
    cpdef bytes take(self, Py_ssize_t size)
    cpdef Py_ssize_t send(self, data) except -1
    cpdef fresh_turn(self)
    cpdef bint is_quiet(self)
    cpdef shutdown_write(self)
    cpdef close(self)
    cpdef detach(self)
    cpdef abort(self)
