-- What wrk sends, and what it prints at the end: wrk -s load.lua URL -- plain|vary|close|post|signed TOKEN
local headers = {
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ["Accept-Language"] = "en-US,en;q=0.5",
    ["Accept-Encoding"] = "gzip, deflate, br",
    ["Referer"] = "http://www.example.com/patients/today",
    ["Cookie"] = "session=2f4a1c9e7b; theme=dark",
    ["Cache-Control"] = "no-cache",
    ["Sec-Fetch-Mode"] = "navigate",
    ["X-Requested-With"] = "bench",
} -- ten with Host

local count = 0

function init(args)
    local kind = args[1]
    if kind == "close" then
        headers["X-Requested-With"] = nil
        headers["Connection"] = "close"
    elseif kind == "signed" then
        headers["Origin"] = "https://me.github.io"
        headers["Authorization"] = "Bearer " .. args[2]
    elseif kind == "post" then
        wrk.method = "POST"
        wrk.body = string.rep("p", 16384)
    end
    for name, value in pairs(headers) do
        wrk.headers[name] = value -- beside Host, which is there already
    end
    if kind == "vary" then
        request = function()
            count = count + 1
            wrk.headers["Cookie"] = "session=" .. count * 7919 .. "; theme=dark"
            return wrk.format(nil, "/records/" .. count)
        end
    end
end

function done(summary)
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.bytes, summary.duration,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
