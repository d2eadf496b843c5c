-- Switches sharing of single accounts, so that every request is a change. The switches of all customers are gone
-- through in turn (customer fastest, then consent, then account); one pass sends false, the next true. BENCH_OFFSET
-- is where the last run ended, and BENCH_CONSENTS and BENCH_ACCOUNTS are how many of each a customer has.
dofile(os.getenv("BENCH_LUA") .. "/measure.lua")

local number = function(name) return tonumber(os.getenv(name)) end
local offset, consents, accounts = number("BENCH_OFFSET"), number("BENCH_CONSENTS"), number("BENCH_ACCOUNTS")
local customers, tokens, first, second = {}, {}, nil, nil
local bodies = { [0] = '{"enabled":false}', [1] = '{"enabled":true}' }
sent = 0

function init(args)
  first = "PUT " .. wrk.path .. "/"
  second = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
    "\r\nContent-Type: application/json\r\nAuthorization: Bearer "
  for i, line in ipairs(lines_of(os.getenv("BENCH_TOKENS"))) do
    customers[i], tokens[i] = line:match("^(%d+) (%S+)$")
  end
end

function request()
  local place = offset + sent
  sent = sent + 1
  local who = place % #tokens
  local rest = (place - who) / #tokens
  local consent = rest % consents
  rest = (rest - consent) / consents
  local account = rest % accounts
  local pass = ((rest - account) / accounts) % 2
  local body = bodies[pass]
  return first .. "_bench" .. customers[who + 1] .. "-" .. consent .. "/accounts/account-" .. customers[who + 1] ..
    "-" .. account .. second .. tokens[who + 1] .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end
