from webqx_supervisor.core.wire.messages cimport RequestHead
from webqx_supervisor.core.wire.parser cimport find_head, parse_request
from webqx_supervisor.proxy.exchange cimport Exchange
from webqx_supervisor.proxy.gateway cimport Client, Gateway
from webqx_supervisor.proxy.way cimport Way

cpdef RequestHead _head_at_hand(Client client)
cpdef Way _way_for(Exchange exchange)
