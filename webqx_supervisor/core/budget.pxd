from webqx_supervisor.core.window cimport Window

cdef class Budget:
    cdef public Window _window

    cpdef asked(self, double now)
    cpdef bint take(self, double now, double share)
