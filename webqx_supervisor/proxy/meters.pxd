cimport cython

cdef int _CLASSES
cdef int _IN_FLIGHT
cdef int _SENT
cdef int _RECEIVED
cdef int _ANSWERED
cdef int _ANSWERS_MICROS
cdef int _ANSWERS_BUCKETS
cdef int _WORKER_MICROS
cdef int _WORKER_BUCKETS
cdef int _MOST

cdef class Meter:
    cdef public tuple key
    cdef Py_ssize_t _at
    cdef double[::1] _bounds
    cdef long long[::1] _words

    cpdef bind(self, sheet)
    cpdef add(self, Py_ssize_t which, long long change)
    @cython.locals(at=Py_ssize_t)
    cdef Py_ssize_t _bucket(self, double seconds)

cdef class RouteMeter(Meter):
    cdef list _answers
    cdef object _sheet

    cpdef bind(self, sheet)
    cpdef enter(self)
    cpdef leave(self)
    @cython.locals(group=int, at=Py_ssize_t)
    cpdef ended(self, int status, double seconds, long long sent, bint timed)
    cpdef carried(self, long long up, long long down)
    cpdef Py_ssize_t _open(self, int group)

cdef class WorkerMeter(Meter):
    @cython.locals(group=int)
    cpdef answered(self, int status, double seconds, bint timed)

cdef class QueueMeter(Meter):
    cpdef enter(self)
    cpdef leave(self, double seconds)
