from webqx_supervisor.proxy.attempt cimport Attempt
from webqx_supervisor.proxy.exchange cimport Exchange
from webqx_supervisor.proxy.group cimport Group, Wish
from webqx_supervisor.proxy.upstream cimport LiveUpstream
from webqx_supervisor.proxy.way cimport Way
