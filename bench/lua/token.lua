-- Asks for tokens, each for another customer: BENCH_CUSTOMERS of them, by stride BENCH_STEP, from BENCH_OFFSET.
-- With BENCH_OUT every answer's body is written to that file, one a line, and wrk ends after BENCH_COUNT of them.
dofile(os.getenv("BENCH_LUA") .. "/measure.lua")

local number = function(name) return tonumber(os.getenv(name)) end
local customers, step, offset = number("BENCH_CUSTOMERS"), number("BENCH_STEP"), number("BENCH_OFFSET")
local out, count = os.getenv("BENCH_OUT"), number("BENCH_COUNT")
local head, tail = '{"type":"consent_management","scopes":"customer.modify_consent:customer-', '"}'
local digits = 8
local first, file
local answered = 0
sent = 0

function init(args)
  local length = #head + digits + #tail
  first = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
    "\r\nAuthorization: Basic " .. os.getenv("BENCH_BASIC") ..
    "\r\nContent-Type: application/json\r\nContent-Length: " .. length .. "\r\n\r\n" .. head
  if out then file = assert(io.open(out, "w")) end
end

function request()
  local customer = ((offset + sent) % customers) * step
  sent = sent + 1
  return first .. string.format("%08d", customer) .. tail
end

if out then
  function response(status, headers, body)
    if answered >= count then return end
    answered = answered + 1
    file:write(body, "\n")
    if answered == count then
      file:close()
      os.exit(0)
    end
  end
end
