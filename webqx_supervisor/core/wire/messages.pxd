cdef class RequestHead:
    cdef public bytes method
    cdef public bytes target
    cdef public str path
    cdef public bytes host
    cdef public bytes authority
    cdef public int minor
    cdef public bytes kept
    cdef public bytes block
    cdef public long long length
    cdef public bint keep_alive
    cdef public bint expects_continue
    cdef public bytes upgrade
    cdef public bint via_self

cdef class ResponseHead:
    cdef public int status
    cdef public bytes reason
    cdef public int minor
    cdef public bytes kept
    cdef public bytes block
    cdef public long long length
    cdef public bint keep_alive
    cdef public bytes upgrade
    cdef public bint dated
    cdef public object content_length
