from webqx_supervisor.core.wire.messages cimport RequestHead, ResponseHead
from webqx_supervisor.core.wire.scan cimport find_end, scan_length, scan_request, scan_response
from webqx_supervisor.core.wire.target cimport parse_target

cpdef Py_ssize_t find_head(buffer, Py_ssize_t limit, Py_ssize_t searched=*) except -2
cpdef RequestHead parse_request(bytes head)
cpdef ResponseHead parse_response(bytes head, bytes request_method)
cpdef int _minor(bytes version) except -1
cpdef tuple _host(values, bytes named, int minor)
cpdef frozenset _nominated(dict told)
cpdef _body_length(dict told, int minor)
cpdef _content_length(list values)
cpdef bytes _upgrade(dict told, frozenset nominated)
cpdef bint _is_last_hop(bytes method, dict told) except -1
