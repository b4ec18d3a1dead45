from webqx_supervisor.net.channel cimport Channel
