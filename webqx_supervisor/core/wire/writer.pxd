from webqx_supervisor.core.wire.messages cimport RequestHead, ResponseHead

cpdef bytes render_request(RequestHead head, bytes forwarded, bytes upgrade=*)
