-- Lists consents with the tokens of BENCH_TOKENS (lines of "customer token"), one customer after another, from BENCH_OFFSET.
dofile(os.getenv("BENCH_LUA") .. "/measure.lua")

local offset = tonumber(os.getenv("BENCH_OFFSET"))
local first, tokens
sent = 0

function init(args)
  first = "GET " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer "
  tokens = lines_of(os.getenv("BENCH_TOKENS"))
  for i, line in ipairs(tokens) do
    tokens[i] = line:match(" (%S+)$") .. "\r\n\r\n"
  end
end

function request()
  local token = tokens[(offset + sent) % #tokens + 1]
  sent = sent + 1
  return first .. token
end
