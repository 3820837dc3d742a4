// HEALTHCHECK of the image: exit 0 while the process answers, else 1 and why in one line. /healthz does not ask Redis, so an
// outage of Redis has nobody restarted; set REDSWARM_HEALTH_URL to the path /readyz to wait for Redis too.
const url = process.env.REDSWARM_HEALTH_URL || 'http://127.0.0.1:6880/healthz'
const TIMEOUT_MS = 2_500

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const said = (await response.text()).trim().slice(0, 200)
  process.stdout.write(`${response.status} ${said}\n`)
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.stdout.write(`${url}: ${error.cause?.message || error.message}\n`)
  process.exitCode = 1
}
