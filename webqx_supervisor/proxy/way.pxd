from webqx_supervisor.proxy.meters cimport RouteMeter

cdef class Way:
    cdef public object allowed
    cdef public object route
    cdef public object backup
    cdef public object retry
    cdef public tuple filters
    cdef public object carry
    cdef public bytes lines
    cdef public RouteMeter meter
    cdef public object strip
    cdef public object end
    cdef public double response_timeout
    cdef public bint plain
