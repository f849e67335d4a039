#!/usr/bin/perl
# The guard: asks the servers in short rounds, by their marks, and when one is dead moves its prefixes at once, with tables that
# guardPlan.sh has worked out before. guardSettle.sh does what can wait; guard.sh makes the rest of the router respect the moves.
# perl-base only.
#   guard.pl /var/lib/loopback-ha/INSTANCE      a service with systemd's watchdog
# A server is dead if in guard_fall consecutive rounds each of its services refuses connections, or is silent while its machine is, too
# (verdict.pl). Everything else moves nothing. It never moves prefixes when no server answers, without carrier, if fewer than guard_min_active
# servers would be left, beyond guard_moves_per_hour, or back.
use strict;
use warnings;
use Socket;
use IO::Handle;
use Fcntl qw(LOCK_EX LOCK_NB);
use POSIX qw(WNOHANG strftime mktime);

my ($scripts) = __FILE__ =~ m{^(.*)/}s;
require(($scripts // '.') . '/verdict.pl');

$ENV{TZ} = 'UTC';
$ENV{LC_ALL} = 'C';
$ENV{PATH} = '/usr/sbin:/usr/bin:/sbin:/bin';
umask 077;
$SIG{PIPE} = 'IGNORE';
my ($state) = @ARGV;
my ($instance) = ($state // '') =~ m{^/var/lib/loopback-ha/([A-Za-z0-9][A-Za-z0-9._-]*)$} or die "usage: guard.pl /var/lib/loopback-ha/INSTANCE\n";
my $run = '/run/loopback-ha';
my $folder = "$run/guard.$instance";
my $held_file = "$run/held.$instance";
my $loaded_file = "$run/pins.$instance.loaded";
my $began_with = readlink "$state/current";

# Hundredths of a second: Time::HiRes is not in perl-base.
sub now {
    open my $uptime, '<', '/proc/uptime' or die "guard: /proc/uptime: $!\n";
    return (split ' ', <$uptime>)[0];
}
sub lines_of {
    my ($name) = @_;
    open my $file, '<', $name or return;
    chomp(my @lines = <$file>);
    return @lines;
}
sub write_whole {
    my ($name, $text) = @_;
    open my $file, '>', "$name.new" or return 0;
    print $file $text or return 0;
    close $file or return 0;
    return rename "$name.new", $name;
}

my $machine = 'router';
sub say_line { STDERR->print("$machine: @_\n"); return }
# Once, until the reason for it is gone.
my %said;
sub say_once {
    my ($key, $text) = @_;
    say_line($text) if !$said{$key};
    $said{$key} = 1;
    return;
}

sub notify {
    my ($text) = @_;
    my $name = $ENV{NOTIFY_SOCKET} or return;
    $name =~ s/^@/\0/;
    socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or return;
    send $socket, $text, 0, pack_sockaddr_un($name);
    return;
}

# --- other programs

my %children;
# In the background; WHEN_DONE gets its exit code. HANDLES: stdin and stdout (handles), stderr (a file).
sub start_with {
    my ($handles, $when_done, @command) = @_;
    my $pid = fork // return;
    if (!$pid) {
        $SIG{PIPE} = 'DEFAULT';
        if ($handles->{stdin}) { open STDIN, '<&', $handles->{stdin} or POSIX::_exit(127) }
        else { open STDIN, '<', '/dev/null' }
        if ($handles->{stdout}) { open STDOUT, '>&', $handles->{stdout} or POSIX::_exit(127) }
        if ($handles->{stderr}) { open STDERR, '>', $handles->{stderr} or POSIX::_exit(127) }
        exec @command or POSIX::_exit(127);
    }
    $children{$pid} = $when_done;
    return $pid;
}
sub start { return start_with({}, @_) }
sub reap {
    while ((my $pid = waitpid -1, WNOHANG) > 0) {
        my $code = $?;
        my $when_done = delete $children{$pid} or next;
        $when_done->($code);
    }
    return;
}
# Waits for it, at most so many seconds. True if it succeeds.
sub run_within {
    my ($seconds, @command) = @_;
    my $code = -1;
    my $pid = start(sub { $code = $_[0] }, @command) or return 0;
    my $end = now() + $seconds;
    while ($children{$pid}) {
        my $ended = waitpid $pid, WNOHANG;
        if ($ended) { $code = $?; delete $children{$pid}; last }
        if (now() > $end) { kill 'KILL', $pid; $end += 3600 }
        select undef, undef, undef, 0.001;
    }
    return $code == 0;
}

# --- what is in force, and the plan for it

# number and dir of the generation, and what its plan says: facts, devices, interval, up (servers), serves (server: prefixes).
my %plan = (number => '', dir => '');
my ($planning, $plan_again) = ('', 0);

sub generation {
    my ($line) = lines_of("$folder/generation");
    my ($number, $dir) = split ' ', $line // '', 2;
    return ($number // '', defined $dir && $dir ne '-' ? $dir : '');
}

sub follow_generation {
    my ($number, $dir) = generation();
    if ($number eq '' || $dir eq '') {
        stop_asking() if $plan{number} ne '';
        %plan = (number => '', dir => '');
        return;
    }
    return if $number eq $plan{number} || $planning || now() < $plan_again;
    $planning = $number;
    my $errors = "$folder/plan-errors";
    start_with(
        { stderr => $errors },
        sub {
            my ($code) = @_;
            $planning = '';
            if ($code == 0) { load_plan($number, $dir) }
            elsif ((generation())[0] eq $number) {
                my ($first) = lines_of($errors);
                say_once('plan', 'the guard can\'t work out its moves, and tries again every second: ' . ($first // 'guardPlan.sh failed'));
                $plan_again = now() + 1;
            }
        },
        'bash', "$dir/scripts/guardPlan.sh", $number
    );
    return;
}

my (%count, %last_answer, %waited);
my $asked = '';

sub load_plan {
    my ($number, $dir) = @_;
    my $at = "$folder/plan.$number";
    return if !-e "$at/facts";
    delete $said{plan};
    # guardSettle.sh may still read a former plan.
    my @old = grep { $_ ne $at && time - ((stat)[9] // time) > 60 } glob "$folder/plan.*";
    start(sub { }, 'rm', '-rf', @old) if @old;
    my %facts = map { /^([a-z_]+)=(.*)$/ ? ($1, $2) : () } lines_of("$at/facts");
    %plan = (number => $number, dir => $dir, at => $at, facts => \%facts, devices => [lines_of("$at/devices")]);
    $machine = $facts{machine} if ($facts{machine} // '') ne '';
    $plan{interval} = ($facts{guard_interval} || 150) / 1000;
    $plan{up} = [map { (split)[0] } grep { (split)[2] eq 'up' } lines_of("$at/servers")];
    my %serves;
    $serves{ (split)[1] }++ for lines_of("$at/routes");
    $plan{serves} = \%serves;
    my %is_up = map { $_ => 1 } @{ $plan{up} };
    for my $known (keys %count) { delete $count{$known} if !$is_up{$known} }
    my $questions = join "\n", $plan{interval}, $dir, lines_of("$at/questions");
    ask_them() if $questions ne $asked;
    $asked = $questions;
    prepare_settling();
    return;
}

# Started before it is needed: a shell takes its time to start.
my ($settling, $settling_pid);
# A server that has just begun to look dead, and when that began: its clients are looked up meanwhile.
my ($suspect, $suspected_at) = ('', -60);
use constant SUSPECT_SECONDS => 5;
sub prepare_settling {
    close $settling if $settling;
    undef $settling;
    $suspect = '';
    pipe my $read, my $write or return;
    $settling_pid = start_with({ stdin => $read }, sub { say_line('guardSettle.sh failed, see the lines above: the hold may be lost at a reboot of this router') if $_[0] },
        'bash', "$plan{dir}/scripts/guardSettle.sh", 'move') or return;
    close $read;
    $write->autoflush(1);
    $settling = $write;
    return;
}
sub look_up_clients {
    my ($now, @dying) = @_;
    if ($suspect ne '') {
        prepare_settling() if !grep { $_ eq $suspect } @dying;
        return;
    }
    return if @dying != 1 || !$settling || $now - $suspected_at < SUSPECT_SECONDS;
    ($suspect, $suspected_at) = ($dying[0], $now);
    # Not in the way of the questions, which have a higher priority.
    setpriority(0, $settling_pid, 0);
    print $settling "suspect\t$plan{at}/$suspect\n";
    return;
}
sub settle_move {
    $suspect = '';
    my $line = join("\t", @_) . "\n";
    setpriority(0, $settling_pid, getpriority(0, 0)) if $settling;
    if (!$settling || !print $settling $line) {
        prepare_settling();
        print $settling $line if $settling;
    }
    close $settling if $settling;
    undef $settling;
    return;
}

# --- questions

my ($prober, $answers, $buffer) = (0, undef, '');
my $last_round = 0;

sub stop_asking {
    if ($prober) { kill 'TERM', $prober }
    ($prober, $answers, $buffer, $asked) = (0, undef, '', '');
    return;
}
sub ask_them {
    stop_asking();
    pipe my $read, my $write or return;
    my $timeout = $plan{interval} - 0.01;
    open my $questions, '<', "$plan{at}/questions" or return;
    my $pid;
    my $ended = sub {
        return if $prober != $pid;
        say_once('prober', 'probe.pl, which asks the servers, has ended (killed?); the guard starts it again');
        stop_asking();
        $plan{number} = '';
        $plan_again = now() + 0.5;
    };
    my @how = ('--urgent', '--every', $plan{interval}, '--timeout', $timeout, '--deadline', 0, '--sample', 1, '--lock', "$run/lock");
    $pid = start_with({ stdin => $questions, stdout => $write }, $ended, 'perl', "$plan{dir}/scripts/probe.pl", @how) or return;
    close $write;
    $read->blocking(0);
    ($prober, $answers, $buffer, $last_round) = ($pid, $read, '', now());
    return;
}

my (%host, %marked, %times, $busy);
# A line of probe.pl. True at the end of a round.
sub hear {
    my ($line) = @_;
    my ($result, undef, $label, undef, $cause, $ms) = split /\t/, $line;
    return 1 if $result eq 'end';
    $busy = 1 if $result eq 'busy';
    return 0 if $result ne 'ok' && $result ne 'fail';
    my ($way, $server) = split ' ', $label;
    $cause = $result eq 'ok' ? 'ok' : $cause;
    if ($way eq 'host') { $host{$server} = $cause }
    else {
        push @{ $marked{$server} }, $cause;
        my $took = $cause eq 'late' ? $cause : $ms // '';
        push @{ $times{$server} }, $took if $cause =~ /^(ok|other|late|status \d+)$/ && $took =~ /^(late|\d+)$/;
    }
    return 0;
}

# --- how long answers take

# By server and by ms (in steps of 10): answers of this hour and the one before; "late" are those that did not come in time.
my (%took, %took_before, $hour_began, $hour_before);
my ($times_written, %late) = (0);
sub note_times {
    my ($now) = @_;
    if (!defined $hour_began || $now - $hour_began >= 3600) {
        ($hour_before, $hour_began) = ($hour_began // $now, $now);
        %took_before = %took;
        %took = ();
    }
    my $limit = $plan{interval} * 500;
    for my $server (keys %times) {
        for my $ms (@{ $times{$server} }) {
            $took{$server}{$ms}++;
            next if $ms ne 'late' && $ms <= $limit;
            my $late = $late{$server} //= { since => $now };
            $late->{count}++;
            if ($ms eq 'late') { $late->{never} = 1 }
            elsif ($ms > ($late->{most} // 0)) { $late->{most} = $ms }
        }
    }
    for my $server (keys %late) {
        my $late = $late{$server};
        # At once, and then each minute as long as it goes on. One or two are only in the status.
        my ($is_many, $is_over) = (($late->{count} // 0) >= $plan{facts}{guard_fall}, $now - $late->{since} >= 60);
        delete $late{$server} if $is_over;
        next if !$is_many || $late->{again} && !$is_over;
        my $seconds = int($now - $late->{since}) + 1;
        my $longest = $late->{never} ? 'at least one had not come after ' . ($plan{interval} * 1000 - 10) . ' ms' : "the longest $late->{most} ms";
        say_line("$server answers late: in the last $seconds s, $late->{count} of its answers took longer than $limit ms, half of guard.interval ($longest). Late is not dead: the guard moves nothing");
        $late{$server} = { since => $now, again => 1 };
    }
    if ($now - $times_written >= 10) {
        $times_written = $now;
        write_whole("$folder/answers", answer_times($now));
    }
    return;
}
# For loopback-ha-guard status: how many seconds ago it began, then SERVER COUNT P99 MAX LATE for each server.
sub answer_times {
    my ($now) = @_;
    my $text = int($now - $hour_before) . "\n";
    for my $server (sort @{ $plan{up} }) {
        my %count;
        for my $of ($took_before{$server} // {}, $took{$server} // {}) { $count{$_} += $of->{$_} for keys %$of }
        my $late = delete $count{late} // 0;
        my @ms = sort { $a <=> $b } keys %count or next;
        my ($all, $seen, $p99) = (0, 0);
        $all += $_ for values %count;
        for my $ms (@ms) {
            $seen += $count{$ms};
            $p99 //= $ms if $seen >= 0.99 * $all;
        }
        $text .= "$server $all $p99 $ms[-1] $late\n";
    }
    return $text;
}

sub reason_for { return (grep { $_ !~ /^(refused|unasked)$/ } @{ $marked{ $_[0] } }) ? 'answers neither connections nor pings' : 'refuses connections' }

# Servers that have answered a ping, also to a guard before this one.
my %pinged = map { $_ => 1 } lines_of("$folder/pinged");
# In so many consecutive rounds their services answered, and they did not answer ping.
my %mute;
use constant MUTE_ROUNDS => 20;
sub note_pings {
    my ($sign) = @_;
    my $before = join ' ', sort keys %pinged;
    for my $server (keys %$sign) {
        my $host = $host{$server} // 'unasked';
        if ($host eq 'ok') {
            $pinged{$server} = 1;
            delete $mute{$server};
            delete $said{"ping $server"};
        }
        elsif ($host eq 'silent' && $sign->{$server} eq 'answers' && ++$mute{$server} >= MUTE_ROUNDS && delete $pinged{$server}) {
            say_once("ping $server", "$server no longer answers ping, but its services do: if its machine dies, the guard only sees that when it does not answer ARP any more, some 6 s later. Let $server answer ping from this router");
        }
    }
    my $after = join ' ', sort keys %pinged;
    write_whole("$folder/pinged", join '', map { "$_\n" } sort keys %pinged) if $after ne $before;
    return;
}

# The kernel notices within a minute that a neighbour is gone, and within 3 s if it is told to look.
my %looked_for;
sub look_for {
    my ($server, $now) = @_;
    return if $now - ($looked_for{$server} // -10) < 10;
    $looked_for{$server} = $now;
    my ($address) = map { (split)[1] } grep { /^\Q$server\E / } lines_of("$plan{at}/servers") or return;
    my ($device) = map { (split)[5] } grep { /^\Q$address\E / } lines_of('/proc/net/arp') or return;
    start(sub { }, 'ip', '-4', 'neigh', 'change', $address, 'dev', $device, 'nud', 'probe');
    return;
}

sub has_carrier {
    for my $device (@{ $plan{devices} }) {
        my ($carrier) = lines_of("/sys/class/net/$device/carrier");
        return 1 if !defined $carrier || $carrier ne '0';
    }
    return !@{ $plan{devices} };
}

# --- decisions

my @moves_at;
for my $line (lines_of("$state/guard-history")) {
    my ($year, $month, $day, $hour, $minute, $second) = $line =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z the guard moved / or next;
    push @moves_at, mktime($second, $minute, $hour, $day, $month - 1, $year - 1900);
}

sub judge {
    my $now = now();
    my $gap = $now - $last_round;
    $last_round = $now;
    # This router was held up itself, so silence proves nothing.
    return if $gap > 2 * $plan{interval} + 0.2;
    return if $busy && $plan{facts}{shared_source} eq 'yes';
    my @up = @{ $plan{up} };
    my %causes = map { $_ => [$host{$_} // 'unasked', @{ $marked{$_} // [] }] } @up;
    my %sign;
    for my $server (@up) {
        my ($host, @services) = @{ $causes{$server} };
        $sign{$server} = Verdict::sign_of($host, $pinged{$server}, @services);
        look_for($server, $now) if $sign{$server} eq 'fails' && $host eq 'silent' && !grep { !/^(silent|unreachable|unasked)$/ } @services;
    }
    note_pings(\%sign);
    note_times($now);
    if (!has_carrier()) {
        say_once('carrier', "the link to the servers is down here: the guard moves nothing");
        return;
    }
    delete $said{carrier};
    if (@up && !grep { $sign{$_} =~ /^(answers|fails)$/ && Verdict::is_heard(@{ $causes{$_} }) } @up) {
        say_once('silence', 'no server answers this router; its own link may be the reason, so the guard moves nothing');
        return;
    }
    delete $said{silence};
    delete $said{prober};
    for my $server (@up) {
        if ($sign{$server} eq 'dead') { $count{$server}++ }
        elsif ($sign{$server} ne '') {
            $count{$server} = 0;
            $last_answer{$server} = $now if $sign{$server} eq 'answers';
            delete $waited{$server};
            delete $said{"$_ $server"} for qw(dry few limit nowhere);
        }
    }
    look_up_clients($now, grep { $count{$_} && $plan{serves}{$_} } @up);
    my @dead = grep { ($count{$_} // 0) >= $plan{facts}{guard_fall} && $plan{serves}{$_} } @up;
    act(@dead) if @dead;
    return;
}

# Lines PREFIX SERVER NEXT-HOP FORMER of a plan.
sub moves_of {
    my ($set) = @_;
    return map { [split] } lines_of("$plan{at}/$set/moves");
}
sub planned {
    my (@servers) = @_;
    my $set = join '+', @servers;
    return $set if -e "$plan{at}/$set/moves";
    return if @servers == 1;
    return run_within(5, 'bash', "$plan{dir}/scripts/guardPlan.sh", $plan{number}, @servers) ? $set : undef;
}

sub act {
    my (@dead) = @_;
    # Tables were written since; their plan is on its way.
    return if (generation())[0] ne $plan{number};
    my ($set, @moves);
    while (1) {
        @dead = sort @dead;
        $set = planned(@dead) // return;
        @moves = moves_of($set);
        my %gets = map { $_->[1] => 1 } @moves;
        my @dying = grep { $count{$_} } keys %gets or last;
        my @more = grep { $count{$_} >= $plan{facts}{guard_fall} } @dying;
        if (@more) { push @dead, @more; next }
        # A server that would get prefixes may be dying, too: wait until it is dead or answers, but not for long.
        last if ++$waited{ $dead[0] } > $plan{facts}{guard_fall};
        return;
    }
    my $names = join ' and ', @dead;
    if (!@moves) {
        say_once("nowhere $_", "$names: dead, but no other server can take its prefixes; nothing is moved") for @dead;
        return;
    }
    my %is_dead = map { $_ => 1 } @dead;
    # A late answer is no reason to keep a dead server, but a sick server is no successor.
    my $lately = now() - ($plan{facts}{guard_fall} + 1) * $plan{interval};
    my $left = grep { !$is_dead{$_} && !$count{$_} && ($last_answer{$_} // 0) >= $lately } @{ $plan{up} };
    if ($left < $plan{facts}{guard_min_active}) {
        say_once("few $dead[0]", "$names: dead, but only $left servers that answer would be left, and guard.minActive is $plan{facts}{guard_min_active}; nothing is moved");
        return;
    }
    @moves_at = grep { $_ > time - 3600 } @moves_at;
    if (@moves_at + @dead > $plan{facts}{guard_moves_per_hour}) {
        say_once("limit $dead[0]", "$names: dead, but the guard has already moved the prefixes of " . @moves_at . " servers within an hour, which is its limit (guard.maxMovesPerHour); nothing is moved. Set the state of $names to down and run pulumi up");
        return;
    }
    my $to = join ', ', map { "$_->[0] to $_->[1]" } @moves > 8 ? @moves[0 .. 7] : @moves;
    $to .= ' and ' . (@moves - 8) . ' more' if @moves > 8;
    my $why = join ' and ', map { "$_ " . reason_for($_) } @dead;
    if ($plan{facts}{guard_dry_run} eq 'yes') {
        say_once("dry $_", "dry run: the guard would move $to now, because $why") for $dead[0];
        return;
    }
    my $answered = (sort { $a <=> $b } map { $last_answer{$_} // 0 } @dead)[0];
    my $took = move($set, @dead) // return;
    my $after = $answered ? sprintf ', %d ms after its last answer', (now() - $answered) * 1000 : '';
    push @moves_at, map { time } @dead;
    my $next = join '; ', map { "loopback-ha-guard release $_" } @dead;
    say_line("the guard moved $to because $why$after; the tables took $took ms. It stays so: loopback-ha adopt, or $next");
    return;
}

# The move itself. The hold comes first: if the guard is killed after it, the supervisor or the next guard completes the move.
sub move {
    my ($set, @dead) = @_;
    open my $lock, '>>', "$run/tables" or return say_once('lock', "the guard can't open $run/tables: $!");
    my $end = now() + 2;
    while (!flock $lock, LOCK_EX | LOCK_NB) {
        return if now() > $end;
        select undef, undef, undef, 0.001;
    }
    my $began = now();
    my $generation = time . ".guard.$$." . @moves_at;
    return if (generation())[0] ne $plan{number};
    my $time = strftime '%Y-%m-%dT%H:%M:%SZ', gmtime;
    my $words = join ' and ', map { "$_ " . reason_for($_) } @dead;
    write_whole($held_file, join '', map { "$_\n" } lines_of($held_file), map { "$_ $time " . reason_for($_) } @dead)
        or return say_once('held', "the guard can't write $held_file ($!), and moves nothing");
    write_whole("$folder/generation", "$generation $plan{dir}\n");
    my $at = "$plan{at}/$set";
    stop_here('held');
    # Marks before routes, as in activate. If nft fails, the plain routes still lead new connections.
    my $marked = run_within(3, 'nft', '-f', "$at/nft");
    stop_here('nft');
    my $routed = run_within(3, 'ip', '-4', '-force', '-batch', "$at/ip");
    stop_here('ip');
    if ($marked && rename "$at/loaded", $loaded_file) { write_whole("$at.done", '') }
    close $lock;
    my $took = sprintf '%d', (now() - $began) * 1000;
    say_line("nft rejects the guard's table, so open connections may break; loopback-ha's supervisor on this router loads it again") if !$marked;
    say_line("ip rejects some of the guard's routes; loopback-ha's supervisor on this router sets them again") if !$routed;
    my $history = 'the guard moved ' . join(', ', map { "$_->[0] from $_->[3] to $_->[1]" } moves_of($set)) . " because $words";
    settle_move($generation, $at, $history);
    return $took;
}
# For tests that kill the guard at each step.
sub stop_here {
    my ($step) = @_;
    kill 'KILL', $$ if ($ENV{LOOPBACK_HA_GUARD_DIES} // '') eq $step;
    return;
}

# --- the service

say_line('the guard begins');
notify('READY=1');
start(sub { }, 'bash', "$state/current/scripts/guardSettle.sh", 'begin') if defined $began_with;
my $told = 0;
while (1) {
    my $current = readlink "$state/current";
    exit 0 if !defined $current && !-e $state;
    if (defined $current && (!defined $began_with || $current ne $began_with)) {
        stop_asking();
        exec '/usr/bin/perl', "$state/current/scripts/guard.pl", $state or exit 1 if -e "$state/current/scripts/guard.pl";
        # The run that brought a version without a guard removes this service, or fails and goes back.
        $plan{number} = '';
        reap();
        notify('WATCHDOG=1');
        select undef, undef, undef, 0.05;
        next;
    }
    reap();
    follow_generation();
    # If the prober hangs, systemd restarts the guard.
    if (now() - $told >= 1 && (!$prober || now() - $last_round < 5)) { notify('WATCHDOG=1'); $told = now() }
    if (!$answers) {
        select undef, undef, undef, 0.05;
        next;
    }
    vec(my $ready = '', fileno $answers, 1) = 1;
    next if !select $ready, undef, undef, $planning ? 0.02 : 0.2;
    my $count = sysread $answers, $buffer, 65536, length $buffer;
    if (defined $count && !$count) {
        select undef, undef, undef, 0.05;
        next;
    }
    while ($buffer =~ s/^([^\n]*)\n//) {
        next if !hear($1);
        judge() if $plan{number} ne '';
        (%host, %marked, %times) = ();
        $busy = 0;
    }
}
