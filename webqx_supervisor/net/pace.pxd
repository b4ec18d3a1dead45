from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.net.reactor cimport Reactor

cdef class Pace:
    cdef public long long _octets
    cdef public long long _rate
    cdef public Reactor _reactor
    cdef public double _silence
    cdef public double _waited

    cpdef double _patience(self, Channel source)
