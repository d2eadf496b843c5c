-- Shared by every load script: when a run ends, prints one line of JSON with its figures, times in microseconds.
-- Works with one thread of wrk; the scripts' counters live in that thread.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function done(summary, latency, requests)
  local e = summary.errors
  local sent = threads[1]:get("sent") or 0
  io.write(string.format(
    '\nBENCH {"requests": %d, "micros": %d, "bytes": %d, "sent": %d, "p50": %d, "p90": %d, "p99": %d, "p999": %d, ' ..
    '"max": %d, "mean": %.1f, "status": %d, "socket": %d, "timeout": %d}\n',
    summary.requests, summary.duration, summary.bytes, sent, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency:percentile(99.9), latency.max, latency.mean, e.status,
    e.connect + e.read + e.write, e.timeout))
end

-- Reads a whole file into an array of lines.
function lines_of(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end
