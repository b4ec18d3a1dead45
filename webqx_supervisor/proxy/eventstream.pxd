from webqx_supervisor.net.reactor cimport Task
from webqx_supervisor.proxy.answer cimport Answer

cdef class EventStream(Answer):
    cdef public bint _interrupted
    cdef public Task _pump
    cdef public str _service
