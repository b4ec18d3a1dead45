from webqx_supervisor.core.wire.messages cimport RequestHead, ResponseHead
from webqx_supervisor.core.wire.parser cimport find_head, parse_response
from webqx_supervisor.core.wire.writer cimport render_request
from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Task
from webqx_supervisor.proxy.answer cimport Answer
from webqx_supervisor.proxy.exchange cimport Exchange
from webqx_supervisor.proxy.group cimport Group
from webqx_supervisor.proxy.guard cimport Pass
from webqx_supervisor.proxy.upstream cimport LiveUpstream

cdef class Attempt:
    cdef public bytes _ahead
    cdef public bint _asked_to_continue
    cdef public Channel _channel
    cdef public Exchange _exchange
    cdef public object _forwarding
    cdef public Group _group
    cdef public RequestHead _head
    cdef public Py_ssize_t _head_size
    cdef public int _interim
    cdef public long long _mark
    cdef public Pass _pass
    cdef public Task _pump
    cdef public bint _reusable
    cdef public Py_ssize_t _searched
    cdef public object _tries
    cdef public bytes _upgrade
    cdef public LiveUpstream _upstream
    cdef public bint _waits

    cpdef Answer _answer(self, Channel channel, ResponseHead head, bint endless)
    cpdef end(self)
    cpdef _edit(self, ResponseHead head)
    cpdef Channel _idle_channel(self)
    cpdef bytes _request(self)
    cpdef bytes _send(self, Channel channel)
    cpdef _start_pump(self, Channel channel)
    cpdef _wait(self)
    cpdef _wait_no_longer(self)
    cpdef ResponseHead _next_head(self)
    cpdef _take_in(self, Channel channel, ResponseHead head)
