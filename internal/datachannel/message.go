// Package datachannel speaks the protocol of the data channel of AWS Systems Manager's
// Session Manager: what a client such as session-manager-plugin and the agent in a
// container say to each other over a WebSocket. The source of its behaviour is AWS's
// client and agent (github.com/aws/session-manager-plugin, github.com/aws/amazon-ssm-agent).
//
// Both ends number what they send, acknowledge what they get, and send again what was
// not acknowledged: Channel does that for either. Client is the end of a person.
package datachannel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The types of messages.
const (
	inputStream   = "input_stream_data"  // of the client
	outputStream  = "output_stream_data" // of the agent
	acknowledge   = "acknowledge"
	channelClosed = "channel_closed"
	startSending  = "start_publication" // of the service between client and agent
	pauseSending  = "pause_publication" // likewise
)

// PayloadType says what a stream's message carries.
type PayloadType uint32

// The payloads of streams.
const (
	Output            PayloadType = 1 // bytes to or from the terminal
	Size              PayloadType = 3 // of the terminal, see WindowSize
	handshakeRequest  PayloadType = 5
	handshakeResponse PayloadType = 6
	handshakeComplete PayloadType = 7
	Flag              PayloadType = 10 // see TerminateSession
	StdErr            PayloadType = 11
)

// TerminateSession is the payload of a Flag with which a client ends the session.
const TerminateSession = 2

// WindowSize is the payload of Size, in JSON.
type WindowSize struct {
	Cols uint32 `json:"cols"`
	Rows uint32 `json:"rows"`
}

// Where the parts of a message's header are, in bytes. All numbers are big-endian.
const (
	atType        = 4
	atVersion     = 36
	atCreated     = 40
	atSequence    = 48
	atFlags       = 56
	atID          = 64
	atDigest      = 80
	atPayloadType = 112
	headerLength  = 116 // without the payload's length, which follows
)

// message is one frame of the channel.
type message struct {
	Type        string
	Created     time.Time // to the millisecond
	Sequence    int64
	Flags       uint64 // bit 0: the first of a stream; bit 1: the last
	ID          uuid.UUID
	PayloadType PayloadType
	Payload     []byte
}

// marshal returns the message as it stands on the wire.
func (m message) marshal() []byte {
	b := make([]byte, headerLength, headerLength+4+len(m.Payload))
	binary.BigEndian.PutUint32(b, headerLength)
	copy(b[atType:atVersion], m.Type+strings.Repeat(" ", atVersion-atType))
	binary.BigEndian.PutUint32(b[atVersion:], 1)
	binary.BigEndian.PutUint64(b[atCreated:], uint64(m.Created.UnixMilli()))
	binary.BigEndian.PutUint64(b[atSequence:], uint64(m.Sequence))
	binary.BigEndian.PutUint64(b[atFlags:], m.Flags)
	copy(b[atID:], m.ID[8:]) // the less significant half stands first
	copy(b[atID+8:], m.ID[:8])
	digest := sha256.Sum256(m.Payload)
	copy(b[atDigest:], digest[:])
	binary.BigEndian.PutUint32(b[atPayloadType:], uint32(m.PayloadType))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Payload)))
	return append(b, m.Payload...)
}

// parse reads a message, whose payload shares b.
func parse(b []byte) (message, error) {
	if len(b) < headerLength+4 {
		return message{}, fmt.Errorf("a message of the data channel has %d bytes, which is less than its header", len(b))
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n < headerLength || n+4 > uint64(len(b)) {
		return message{}, fmt.Errorf("a message of the data channel has a header of %d bytes in %d", n, len(b))
	}
	m := message{
		Type:        string(bytes.Trim(b[atType:atVersion], " \x00")),
		Created:     time.UnixMilli(int64(binary.BigEndian.Uint64(b[atCreated:]))),
		Sequence:    int64(binary.BigEndian.Uint64(b[atSequence:])),
		Flags:       binary.BigEndian.Uint64(b[atFlags:]),
		PayloadType: PayloadType(binary.BigEndian.Uint32(b[atPayloadType:])),
		Payload:     b[n+4:],
	}
	copy(m.ID[8:], b[atID:])
	copy(m.ID[:8], b[atID+8:])
	if m.Type == "" {
		return message{}, errors.New("a message of the data channel has no type")
	}
	if digest := sha256.Sum256(m.Payload); len(m.Payload) > 0 && m.Type != startSending && m.Type != pauseSending && !bytes.Equal(digest[:], b[atDigest:atPayloadType]) {
		return message{}, errors.New("a message of the data channel is damaged: its digest is another")
	}
	return m, nil
}

// The payloads in JSON.
type (
	// opening is the first thing that a client sends, as text.
	opening struct {
		MessageSchemaVersion string
		RequestId            string
		TokenValue           string
		ClientId             string
		ClientVersion        string
	}
	receipt struct {
		Type       string `json:"AcknowledgedMessageType"`
		ID         string `json:"AcknowledgedMessageId"`
		Sequence   int64  `json:"AcknowledgedMessageSequenceNumber"`
		Sequential bool   `json:"IsSequentialMessage"`
	}
	closing struct {
		MessageId     string
		CreatedDate   string
		DestinationId string
		SessionId     string
		MessageType   string
		SchemaVersion int
		Output        string
	}
	request struct {
		AgentVersion           string
		RequestedClientActions []action
	}
	action struct {
		ActionType       string
		ActionParameters any
	}
	response struct {
		ClientVersion          string
		ProcessedClientActions []processed
		Errors                 []string
	}
	processed struct {
		ActionType   string
		ActionStatus int // see the constants
		ActionResult any
		Error        string
	}
	complete struct {
		HandshakeTimeToComplete time.Duration
		CustomerMessage         string
	}
)

// The states of an action of the handshake.
const (
	actionDone        = 1
	actionFailed      = 2
	actionUnsupported = 3
)
