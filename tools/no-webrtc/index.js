// bittorrent-tracker imports these names for WebTorrent peers; nothing here speaks WebRTC.
export const RTCPeerConnection = undefined
export const RTCSessionDescription = undefined
export const RTCIceCandidate = undefined
