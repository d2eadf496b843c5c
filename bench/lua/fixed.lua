-- Sends one and the same request: GET, or with BENCH_FORM a POST of that form with the credentials BENCH_BASIC.
dofile(os.getenv("BENCH_LUA") .. "/measure.lua")

sent = 0
local form, basic = os.getenv("BENCH_FORM"), os.getenv("BENCH_BASIC")
local text

function init(args)
  if form then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.headers["Authorization"] = "Basic " .. basic
    wrk.body = form
  end
  text = wrk.format()
end

function request()
  sent = sent + 1
  return text
end
