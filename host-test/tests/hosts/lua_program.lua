-- Run by Debian's `lua5.4`: the module at `arg[1]`, and a config at `arg[2]`.
package.cpath = arg[1]
local logtriage = require("logtriage")
assert(logtriage._VERSION:match("^logtriage %d+%.%d+%.%d+$"))
local labeller = logtriage.new { config = arg[2] }
assert(tostring(labeller):match("^logtriage%.labeller: "))
assert(getmetatable(labeller) == "logtriage.labeller")

local event = { log = { message = "Failed password for root from 203.0.113.7 port 4711 ssh2" } }
assert(rawequal(labeller:annotate(event), event))
local triage = event.log.triage
assert(triage.label == "Security Alert" and triage.tier == "rule")
assert(math.type(triage.confidence) == "float" and triage.confidence == 1)
assert(triage.template_id == "5c13b1acf7f3a7be" and triage.rule)

-- Two events do not share a table.
local other = { log = { message = event.log.message } }
labeller:annotate(other)
assert(not rawequal(other.log.triage, triage))

-- A forged key is moved; keys of its family with it.
local forged = { log = { triage = { label = "HTTP Status" }, triage_input = "x" } }
labeller:annotate(forged)
assert(forged.log.triage.tier == "none")
assert(forged.log.triage_input.label == "HTTP Status" and forged.log.triage_input_input == "x")

-- Labellers end early or late, once or twice.
do
    local closed <close> = logtriage.new {}
    other = closed
end
event = { log = { message = "x" } }
assert(other:annotate(event) == event and event.log.triage == nil)
local meta = debug.getmetatable(labeller)
meta.__gc(other)
meta.__gc(7)
meta.__gc(io.stdout)
meta.__gc()

-- A panic costs an event its label, and the next one nothing.
for _ = 1, 100 do
    local panicked = { log = { message = "panic, please", triage = 7 } }
    assert(labeller:annotate(panicked) == panicked)
    assert(panicked.log.message == "panic, please" and panicked.log.triage.label == "Unclassified")
    local next_one = { log = { message = "Failed password for root from 203.0.113.7 port 4711 ssh2" } }
    assert(labeller:annotate(next_one).log.triage.tier == "rule")
end
assert(not pcall(logtriage.new, 7))
print("done")
