cdef class Router:
    cdef public dict _listeners

    cpdef match(self, str listener, host, str path, head=*)
