import { html } from 'hono/html'
import { bytes, duration, moment, ratio, speed } from './units.mjs'

/*
What stands in ${…} of html`…` is escaped, unless it is the result of html`…` itself. An amount is a <data> element: people
read its text, programs its exact value.
*/

/** What a client reports as missing before it has the metadata. */
const UNKNOWN = 2n ** 53n - 1n

const amount = (value, text) => html`<data value="${value}">${text}</data>`
const size = (value) => amount(value, bytes(value))
/** @param value undefined where nothing was moved, or within no time */
const pace = (value) => (value === undefined ? '–' : amount(Math.floor(value), speed(value)))
const time = (value) => amount(value, duration(value))
const share = (uploaded, downloaded) => html`<span class="ratio">${ratio(uploaded, downloaded)}</span>`
const at = (seconds) => html`<time datetime="${moment(seconds).replace(' ', 'T')}Z">${moment(seconds)}</time>`
/** Enough of an infohash to tell torrents of one user apart; all of it on a longer look. */
const torrent = (infohash) => html`<code title="${infohash}">${infohash.slice(0, 12)}…</code>`

function page(title, trouble, content) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
${trouble ? html`<p class="trouble">Traffic is not being credited right now: ${trouble}. Nothing is lost, it waits.</p>` : ''}
${content}
<p class="quiet">Times are UTC. Amounts are cut to the digits shown; the exact ones are in the page's source.</p>
</body>
</html>`
}

/** @param users rows of `name`, `passkey` (masked) and `totals`, which is undefined before the first announce */
export function usersPage({ users, trouble }) {
  return page(
    'Users',
    trouble,
    html`
<h1>Users</h1>
<div class="scroll"><table>
<thead><tr>
<th>Name</th><th>Passkey</th><th class="number">Uploaded</th><th class="number">Downloaded</th>
<th class="number">Ratio</th><th class="number">Seed time</th><th>Last announce</th>
</tr></thead>
<tbody>${users.map(userRow)}</tbody>
</table></div>`,
  )
}

function userRow({ name, passkey, totals }) {
  const link = html`<a href="/users/${encodeURIComponent(name)}">${name}</a>`
  if (!totals)
    return html`
<tr><td>${link}</td><td><code>${passkey}</code></td><td colspan="5" class="quiet">has not announced yet</td></tr>`
  return html`
<tr><td>${link}</td><td><code>${passkey}</code></td>
<td class="number">${size(totals.uploadedBytes)}</td><td class="number">${size(totals.downloadedBytes)}</td>
<td class="number">${share(totals.uploadedBytes, totals.downloadedBytes)}</td>
<td class="number">${time(totals.seedSeconds)}</td><td>${at(totals.lastSeen)}</td></tr>`
}

/**
 * @param user `name`, and `passkey` masked
 * @param totals undefined before the first announce
 * @param torrents one row a torrent
 * @param windows the newest first, those in which bytes were moved
 * @param speed bytes a second over the newest of them; undefined when that is long ago
 * @param credits the newest first: what each entry credited and why
 */
export function userPage({ user, totals, torrents, windows, speed: now, credits, trouble }) {
  const head = html`
<p><a href="/">Users</a></p>
<h1>${user.name}</h1>
<p class="quiet">passkey <code>${user.passkey}</code></p>`
  if (!totals) return page(user.name, trouble, html`${head}<p>Has not announced yet.</p>`)
  return page(
    user.name,
    trouble,
    html`${head}
<dl>
<div id="uploaded"><dt>Uploaded</dt><dd>${size(totals.uploadedBytes)}</dd></div>
<div id="downloaded"><dt>Downloaded</dt><dd>${size(totals.downloadedBytes)}</dd></div>
<div id="ratio"><dt>Ratio</dt><dd>${share(totals.uploadedBytes, totals.downloadedBytes)}</dd></div>
<div id="upload-speed"><dt>Upload lately</dt><dd>${pace(now?.upload)}</dd></div>
<div id="download-speed"><dt>Download lately</dt><dd>${pace(now?.download)}</dd></div>
<div id="seed-time"><dt>Seed time</dt><dd>${time(totals.seedSeconds)}</dd></div>
<div id="leech-time"><dt>Leech time</dt><dd>${time(totals.leechSeconds)}</dd></div>
<div id="completed"><dt>Finished torrents</dt><dd>${amount(totals.completed, totals.completed)}</dd></div>
</dl>${heldNote(totals)}
${torrentTable(torrents)}${windowTable(windows)}${creditTable(credits)}`,
  )
}

/** Risk rules may hold credit until somebody has looked at it. */
function heldNote({ heldUploadedBytes, heldDownloadedBytes }) {
  if (heldUploadedBytes === 0n && heldDownloadedBytes === 0n) return ''
  return html`
<p id="held">Not in these totals until staff decide: ${size(heldUploadedBytes)} up, ${size(heldDownloadedBytes)} down.</p>`
}

function torrentTable(torrents) {
  return html`
<h2>Torrents</h2>
<div class="scroll"><table id="torrents">
<thead><tr>
<th>Torrent</th><th class="number">Uploaded</th><th class="number">Downloaded</th><th class="number">Ratio</th>
<th class="number">Seed time</th><th class="number">Missing</th><th>Finished</th><th>Last announce</th>
</tr></thead>
<tbody>${torrents.map(
    (row) => html`
<tr><td>${torrent(row.infohash)}</td>
<td class="number">${size(row.uploadedBytes)}</td><td class="number">${size(row.downloadedBytes)}</td>
<td class="number">${share(row.uploadedBytes, row.downloadedBytes)}</td><td class="number">${time(row.seedSeconds)}</td>
<td class="number">${row.leftBytes === UNKNOWN ? 'unknown' : size(row.leftBytes)}</td><td>${row.completedAt ? at(row.completedAt) : '–'}</td>
<td>${at(row.lastSeen)}</td></tr>`,
  )}</tbody>
</table></div>`
}

/** The ledger's windows: bytes, and the seconds between the announces that reported them. */
function windowTable(windows) {
  return html`
<h2>Speed lately</h2>
${
  windows.length === 0
    ? html`<p class="quiet">Nothing was moved lately.</p>`
    : html`<div class="scroll"><table id="windows">
<thead><tr>
<th>From</th><th>Torrent</th><th class="number">Uploaded</th><th class="number">Downloaded</th>
<th class="number">Within</th><th class="number">Upload</th><th class="number">Download</th>
</tr></thead>
<tbody>${windows.map(
        (row) => html`
<tr><td>${at(row.startSeconds)}</td><td>${torrent(row.infohash)}</td>
<td class="number">${size(row.uploadedBytes)}</td><td class="number">${size(row.downloadedBytes)}</td>
<td class="number">${time(row.seconds)}</td>
<td class="number">${pace(row.uploadRate)}</td>
<td class="number">${pace(row.downloadRate)}</td></tr>`,
      )}</tbody>
</table></div>`
}`
}

function creditTable(credits) {
  return html`
<h2>How it came about</h2>
<p class="quiet">The newest announces that claimed something, what was credited for each, and why.</p>
<div class="scroll"><table id="credits">
<thead><tr>
<th>Time</th><th>Torrent</th><th>Event</th><th class="number">Uploaded</th><th class="number">Downloaded</th><th>Why</th>
</tr></thead>
<tbody>${credits.map(
    (row) => html`
<tr><td>${at(row.atSeconds)}</td><td>${torrent(row.infohash)}</td><td>${row.event === 'none' ? '–' : row.event}</td>
<td class="number">${size(row.uploadedBytes)}</td><td class="number">${size(row.downloadedBytes)}</td>
<td class="why">${row.why}</td></tr>`,
  )}</tbody>
</table></div>`
}

export function missingPage(name) {
  return page(
    'Nobody by that name',
    undefined,
    html`<p><a href="/">Users</a></p><h1>Nobody by that name</h1><p>There is no user ${name}.</p>`,
  )
}
