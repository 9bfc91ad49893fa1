package viewer

import "testing"

func TestUnits(t *testing.T) {
	one := 1
	is := func(unit string, v float64, want string) {
		t.Helper()
		f := field{Unit: unit}
		if got := f.format(v); got != want {
			t.Errorf("%v in %s is %q, want %q", v, unit, got, want)
		}
	}
	is("", 1234.5, "1235")
	is("none", 5, "5")
	is("short", 1200, "1.2k")
	is("percentunit", 0.123, "12.3%")
	is("percent", 12.3, "12.3%")
	is("suffix:x", 14.4, "14.4×")
	is("suffix:people", 3, "3 people")
	is("prefix:≈", 3, "≈3")
	is("s", 0.25, "250 ms")
	is("ms", 250, "250 ms")
	is("ms", 2500, "2.5 s")
	is("µs", 10, "10 µs")
	is("m", 90, "1.5 h")
	is("dtdurations", 90, "1.5 min")
	is("bytes", 2048, "2 KiB")
	is("decbytes", 2000, "2 kB")
	is("mbytes", 1024, "1 GiB")
	is("Bps", 1500, "1.5 kB/s")
	is("binBps", 1536, "1.5 KiB/s")
	is("bps", 2e6, "2 Mbit/s")
	is("reqps", 0.5, "0.5/s")
	is("reqps", 1500, "1.5k/s")
	is("opm", 3, "3/min")
	is("currencyUSD", 1500, "$1.5k")
	is("currency:CHF ", 5, "CHF 5")
	is("si:W", 1500, "1.5 kW")
	is("hertz", 50, "50 Hz")
	is("bool_yes_no", 1, "yes")
	is("bool_on_off", 0, "off")
	is("bool", 1, "true")
	is("dateTimeAsIso", 1795867200000, "28 Nov 2026 12:00:00 UTC")
	is("bananas", 3, "3 bananas")
	if got := measureOf("percentunit", &one).Format(0.5); got != "50.0%" {
		t.Error(got)
	}
}
