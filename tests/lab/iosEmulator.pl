#!/usr/bin/perl
# The command line of an IOS router, as the forced command of an ssh user: prompts, enable, pages, errors, static
# routes, rollback timers. It does not route. Its folder holds running and startup (one line a route), behaviour
# (KEY VALUE lines, below), log (commands), count (of the commands of a run) and timer.
#   --table    prints the running routes, once a timer that has run out has done its work
use strict;
use warnings;
my $home = '/var/lib/ios-emulator';
chdir $home or die "$home: $!";

my %is = (
    hostname   => 'edge-1',
    banner     => '',       # shown before the first prompt; \n in it is a new line
    secret     => '',       # of enable; none: sessions are privileged
    archive    => 'no',     # yes: it can go back by itself
    minute     => 60,       # seconds in a minute of its timer
    slow       => 0,        # seconds before each answer
    width      => 0,        # columns after which a line that is typed scrolls, once 'terminal width 0' is refused
    overwrite  => 'no',     # yes: it asks before it saves
    pages      => 'no',     # yes: pages of two lines until 'terminal length 0'; always: also after it
    noise      => 'no',     # yes: log messages behind prompts
    dropat     => 0,        # ends the connection at the Nth command of a run, before it is done
    dropafter  => 0,        # the same, after it is done
    gone       => 'no',     # yes: after the drop nobody can log in any more
    hang       => '-',      # pattern of commands that are never answered
    error      => '-',      # PATTERN=TEXT: what it answers to such commands
    silent     => '-',      # address that does not answer a ping
    shadow     => '-',      # prefix that OSPF routes better
    longer     => '-',      # PREFIX=HOP that OSPF has besides
    logins     => 1000,     # how many of a run succeed
);
for (lines('behaviour')) { /^(\w+) (.*)/ and $is{$1} = $2 }

sub lines { open my $file, '<', $_[0] or return (); chomp(my @all = <$file>); return @all }
sub store { my ($name, @lines) = @_; open my $file, '>', "$name.new" or die; print $file "$_\n" for @lines; close $file; rename "$name.new", $name }
sub note { open my $file, '>>', 'log' or die; print $file "$_[0]\n" }
sub counted { my ($name) = @_; my ($number) = lines($name); store($name, ++($number //= 0)); return $number }

sub settle {
    my ($deadline, @former) = lines('timer') or return;
    return if time < $deadline;
    store('running', @former);
    unlink 'timer';
}
settle();
if (($ARGV[0] // '') eq '--table') { print "$_\n" for lines('running'); exit }

$| = 1;
if ((-e 'dropped' && $is{gone} eq 'yes') || counted('logins') > $is{logins}) { exit 1 }
system 'stty raw -echo 2>/dev/null';
my ($privileged, $mode, $long) = ($is{secret} eq '', '', $is{pages} eq 'no');
sub out { my ($text) = @_; $text =~ s/\n/\r\n/g; print $text }
sub prompt {
    my $name = $mode ? substr($is{hostname}, 0, 20) : $is{hostname};
    out($name . ($mode ? '(config)' : '') . ($privileged ? '#' : '>'));
}
# What a terminal shows in the end of a line that is too long for it.
sub scrolled { my ($line) = @_; return $is{width} && length $line > $is{width} ? '$' . substr($line, -$is{width} + 1) : $line }
my $input = '';
sub typed {
    my ($echo) = @_;
    for (;;) {
        if ($input =~ s/^([^\r\n]*)[\r\n]//) { out(scrolled($1)) if $echo; return $1 }
        sysread STDIN, $input, 1, length $input or exit;
    }
}
sub drop { store('dropped', 'yes'); kill HUP => getppid; exit 1 }

# A route as IOS shows it, or nothing when the line is none.
sub route {
    my ($address, $mask, $hop, $rest) = $_[0] =~ /^ip route ([\d.]+) ([\d.]+) (\S+)(.*)$/ or return;
    my $valid = qr/^(\d{1,3}\.){3}\d{1,3}$/;
    return if $address !~ $valid || $mask !~ $valid || ($hop !~ $valid && $hop ne 'Null0') || $rest !~ /^( \d+)?( tag \d+)?$/;
    return ("$address $mask $hop", "ip route $address $mask $hop$rest");
}
sub number { my @part = split /\./, $_[0]; return (($part[0] * 256 + $part[1]) * 256 + $part[2]) * 256 + $part[3] }
sub bits { my $mask = number($_[0]); my $bits = 0; while ($mask & 0x80000000) { $bits++; $mask = ($mask << 1) & 0xffffffff } return $bits }

sub show_route {
    my ($address) = @_;
    my ($best, $bits, @hops) = ('', -1);
    for (lines('running')) {
        my ($net, $mask, $hop) = (split)[2, 3, 4];
        next if (number($address) & number($mask)) != number($net) || bits($mask) < $bits;
        @hops = () if bits($mask) > $bits;
        ($best, $bits) = ("$net/" . bits($mask), bits($mask));
        push @hops, $hop;
    }
    return "% Network not in table\n" if $bits < 0;
    my $known = $best eq $is{shadow} ? 'Known via "ospf 1", distance 110, metric 20' : 'Known via "static", distance 1, metric 0';
    my $blocks = join '', map { '  ' . ($_ == 0 ? '* ' : '  ') . ($hops[$_] eq 'Null0' ? 'directly connected, via Null0' : $hops[$_]) . "\n      Route metric is 0, traffic share count is 1\n" } 0 .. $#hops;
    return "Routing entry for $best\n  $known\n  Routing Descriptor Blocks:\n$blocks";
}

# What lies in a network, as IOS lists it.
sub show_longer {
    my ($net, $mask) = @_;
    my @in = map { [(split)[2, 3, 4]] } lines('running');
    push @in, [$1, $2, $3] if $is{longer} =~ m{(.*)/(.*)=(.*)};
    my $list = join '', map {
        my ($address, $length, $hop) = ($_->[0], $_->[1] =~ /\./ ? bits($_->[1]) : $_->[1], $_->[2]);
        $hop eq 'Null0' ? "S        $address/$length is directly connected, Null0\n" : "S        $address/$length [1/0] via $hop\n";
    } grep { (number($_->[0]) & number($mask)) == number($net) } @in;
    return "Codes: L - local, C - connected, S - static, R - RIP\n       E1 - OSPF external type 1\n\nGateway of last resort is 198.51.100.9 to network 0.0.0.0\n\n      192.0.2.0/24 is variably subnetted, 5 subnets, 3 masks\n$list";
}

sub answer {
    my ($line) = @_;
    my $invalid = "          ^\n% Invalid input detected at '^' marker.\n\n";
    if ($mode) {
        if ($line eq 'end') { $mode = ''; return $is{noise} eq 'yes' ? "\n" : '' }
        if ($line =~ /^(no )?(ip route .*)/) {
            my ($no, ($key, $text)) = ($1, route($2));
            return $invalid unless $key;
            my @others = grep { (route($_))[0] ne $key } my @all = lines('running');
            return "%No matching route to delete\n" if $no && @others == @all;
            store('running', @others, $no ? () : $text);
            return '';
        }
        return $invalid;
    }
    if ($line =~ /^terminal length (\d+)$/) { $long = 1 if $1 == 0 && $is{pages} ne 'always'; return '' }
    return $is{width} ? $invalid : '' if $line =~ /^terminal width \d+$/;
    if ($line eq 'enable' && !$privileged) {
        for (1 .. 3) {
            print 'Password: ';
            my $given = typed(0);
            out("\n");
            if ($given eq $is{secret}) { $privileged = 1; return '' }
        }
        return "% Bad secrets\n\n";
    }
    return $invalid if !$privileged && $line !~ /^show (version|ip route)/;
    return "Cisco IOS Software, Emulated Software (OURS-M), Version 15.2\n$is{hostname} uptime is 2 years\n" if $line eq 'show version';
    if ($line =~ /^show (running|startup)-config \| include \^ip route$/) { return join '', map { "$_\n" } lines($1) }
    return show_longer($1, $2) if $line =~ /^show ip route ([\d.]+) ([\d.]+) longer-prefixes$/;
    return show_route($1) if $line =~ /^show ip route ([\d.]+)$/;
    if ($line =~ /^ping ([\d.]+) repeat (\d+) timeout \d+$/) {
        my ($good, $mark) = $1 eq $is{silent} ? (0, '.') : ($2, '!');
        return "Type escape sequence to abort.\nSending $2, 100-byte ICMP Echos to $1, timeout is 1 seconds:\n" . $mark x $2 . "\nSuccess rate is " . 100 * $good / $2 . " percent ($good/$2)\n";
    }
    if ($line eq 'show archive') { return $is{archive} eq 'yes' ? "The maximum archive configurations allowed is 10.\nThere are currently 0 archive configurations saved.\n" : "Archive feature not enabled\n" }
    if ($line eq 'show archive config rollback timer') { my ($deadline) = lines('timer'); return $deadline ? "Time configured(or reconfigured): 12:00:00 UTC\nTimer type: absolute timer\nTimer value: 1 min\nUser: admin\n" : "%No Rollback Confirmed Change pending\n" }
    if ($line =~ /^configure terminal( revert timer (\d+))?$/) {
        if ($1) {
            return "%Turn config archive on before using Rollback Confirmed Change\n" if $is{archive} ne 'yes';
            store('timer', time + $2 * $is{minute}, lines('running'));
        }
        $mode = 'config';
        return ($1 ? "Rollback Confirmed Change: Backing up current running config to flash:edge-1-1\n\n" : '') . "Enter configuration commands, one per line.  End with CNTL/Z.\n";
    }
    if ($line eq 'configure confirm') { return unlink('timer') ? '' : "%No Rollback Confirmed Change pending\n" }
    if ($line eq 'write memory') {
        if ($is{overwrite} eq 'yes') {
            out("Warning: Attempting to overwrite an NVRAM configuration previously written by a different version.\nOverwrite the previous NVRAM configuration?[confirm]");
            typed(0);
            out("\n");
        }
        store('startup', lines('running')); return "Building configuration...\n[OK]\n";
    }
    return $line eq '' ? '' : $invalid;
}

sub show_pages {
    my @rest = split /^/, $_[0];
    while (@rest) {
        out(join '', splice @rest, 0, $long ? scalar @rest : 2);
        next unless @rest;
        print ' --More-- ';
        sysread STDIN, my $key, 1 or exit;
        print "\b" x 10, ' ' x 10, "\b" x 10;
    }
}

(my $banner = $is{banner}) =~ s/\\n/\n/g;
out("$banner\n");
prompt();
for (;;) {
    my $line = typed(1);
    settle();
    if ($line eq 'exit') { exit }
    out("\n");
    if ($line ne '') {
        note($line);
        my $count = counted('count');
        drop() if $count == $is{dropat};
        if ($line =~ /$is{hang}/ && $is{hang} ne '-') { sleep 600 }
        select undef, undef, undef, $is{slow};
        my ($pattern, $text) = split /=/, $is{error}, 2;
        my $answer = $pattern ne '-' && $line =~ /$pattern/ ? "$text\n" : answer($line);
        drop() if $count == $is{dropafter};
        show_pages($answer);
    }
    prompt();
    # With a new prompt after it, or without, as IOS does both.
    if ($is{noise} eq 'yes' && $line ne '') {
        out("\n*Mar  1 00:00:01.003: %SYS-5-CONFIG_I: Configured from console by admin on vty0\n");
        prompt() if $line =~ /^(show|end)/;
    }
}
