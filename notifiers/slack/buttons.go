package slack

import (
	"cmp"

	slackapi "github.com/slack-go/slack"
)

// Action IDs of what people press. A button carries the id of the incident's record
// as its value.
const (
	actionOpen        = "open_" // a link: nothing to do but to answer
	actionAcknowledge = "acknowledge"
	actionTake        = "take_over"
	actionEscalate    = "escalate"
	actionSilence     = "silence"
	// With a step's ID behind a colon, so that no two buttons of a page are alike.
	actionStep = "step_done"
	actionUndo = "step_undo"
	actionAll  = "acknowledge_all"
)

// pressStep is the button of a step.
func pressStep(action, record, stepID, label string) *slackapi.ButtonBlockElement {
	return press(action+":"+stepID, record, label)
}

// press is a button that comes back to us.
func press(action, record, label string) *slackapi.ButtonBlockElement {
	return slackapi.NewButtonBlockElement(action, record, plain(label))
}

// presses are the buttons of a page that fires.
func (in *incident) presses() []*slackapi.ButtonBlockElement {
	if in.Record == "" || in.state() == resolved {
		return nil
	}
	take := press(actionAcknowledge, in.Record, "Acknowledge").WithStyle(slackapi.StylePrimary)
	if in.Handling.Acknowledged != nil {
		take = press(actionTake, in.Record, "Take over")
	}
	escalate := press(actionEscalate, in.Record, "Escalate").WithConfirm(slackapi.NewConfirmationBlockObject(
		plain("Call for help?"), plain(in.whomToCall()), plain("Escalate"), plain("Not yet")))
	return []*slackapi.ButtonBlockElement{take, escalate, press(actionSilence, in.Record, "Silence…")}
}

// whomToCall says before the click whom it calls; helpers does it.
func (in *incident) whomToCall() string {
	var names []string
	for _, s := range in.callable() {
		names = append(names, cmp.Or(s.Name, s.SlackID))
	}
	rest := "everybody in the channel, at any hour"
	if len(in.Custom.Mentions) > 0 {
		rest = "those whom the first message was for"
	}
	switch len(names) {
	case 0:
		return "This notifies " + rest + "."
	case 1:
		return cut("This mentions "+names[0]+" in the channel; if that is you, "+rest+".", maxConfirm)
	default:
		return cut("This mentions "+names[0]+", who is next on call, in the channel; if that is you, "+names[1]+", who is on call now.", maxConfirm)
	}
}

// callable are those on call whom Slack knows, in the order in which they are called
// for help: who is next, then who is on call now.
func (in *incident) callable() []*Shift {
	var out []*Shift
	for _, s := range []*Shift{in.OnCall.Next, in.OnCall.Now} {
		if s != nil && isUserID(s.SlackID) && (len(out) == 0 || out[0].SlackID != s.SlackID) {
			out = append(out, s)
		}
	}
	return out
}
