-- What wrk runs for the bench: an argument is the size in bytes of a body to PUT; the result is one line of JSON.
function init(args)
  if args[1] then
    wrk.method = "PUT"
    wrk.body = string.rep("x", tonumber(args[1]))
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"bytes":%d,"p50Micros":%d,"p99Micros":%d,"socketErrors":%d,"statusErrors":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
