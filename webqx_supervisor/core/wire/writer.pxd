from webqx_supervisor.core.wire.messages cimport RequestHead, ResponseHead

cpdef bytes render_response(
    ResponseHead head, bint close, int client_minor, long long length, bytes upgrade=*, bytes date=*
)
cpdef tuple _length_field(long long length)
cpdef bytes render_request(RequestHead head, bytes forwarded, bytes upgrade=*)
