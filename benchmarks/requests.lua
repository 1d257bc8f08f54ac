-- Walks through the request targets of a file, and prints the figures as one line of JSON. With a second argument, that
-- is the body of every request, which is a POST then.
-- The requests are written out before the load starts, so that the script costs every subject the same.

local requests, last, place = {}, 0, 0

function init(arguments)
  local body = arguments[2]
  for target in io.lines(arguments[1]) do
    last = last + 1
    requests[last] = wrk.format(body and "POST" or "GET", target, nil, body)
  end
end

function request()
  place = place % last + 1
  return requests[place]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'figures {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
