#!/usr/bin/perl
# Asks many VIPs at once whether they answer; perl-base has all it needs, so it runs on any Debian.
# stdin, one check a line, tab-separated (health paths are unguessable, so they never stand in argv):
#   http ADDRESS PORT HOST PATH STATUS BODY LABEL   (BODY: the answer's first words, or - for any)
#   https ADDRESS PORT HOST PATH STATUS BODY LABEL   (the same by TLS 1.3, for which see tls13.pl: nothing secret may go that way)
#   tcp  ADDRESS PORT GREETING LABEL   (GREETING: what the server says first begins so, or - for silence)
#   tls  ADDRESS PORT NAME FILE LABEL   (the certificate shown for that name is the first one of FILE; up to TLS 1.2, as later
#                                        versions don't show it to onlookers)
#   hello ADDRESS PORT NAME LABEL   (whether it speaks TLS with that name: a ServerHello or an alert, of any version)
#   dns  ADDRESS PORT ZONE LABEL   (the zone's SOA record, over UDP, with authority)
#   ping ADDRESS LABEL
#   host ADDRESS LABEL   (whether the machine itself lives, by ping and ARP: its Ethernet address, without --source and mark)
#   mark NUMBER      (the packet mark, SO_MARK, of the checks that follow: only root may)
#   group            (of the checks that follow, up to the next group, --sample many are asked in a round, in turn)
# Prints "ok|fail TAB ADDRESS TAB LABEL TAB REASON TAB CAUSE TAB MS" for each; exits 0 only when all are ok. CAUSE is one of
#   refused       the connection was refused
#   unreachable   somebody said that it can't be reached
#   silent        nobody answered: no SYN-ACK, no datagram, no echo
#   late          connected, and no whole answer
#   status NUMBER an HTTP answer with another status
#   other         an answer with other words
#   noarp         of a host: it does not answer ARP either
#   unasked       it could not be asked, which tells nothing of it
# With --within SECONDS all of it ends after that, and of those that have not answered by then nothing is known.
# Of https, where a certificate came, also "TAB SHA256 TAB BEGINS", BEGINS being its first second as YYYYMMDDhhmmss, and "TAB named" where
# it has the name that was asked for, or "TAB another".
# With --lock FILE also "busy TAB HOLDER" where another run had that lock meanwhile, "conntrack TAB COUNT TAB MAX" where
# connections are tracked, and "end"; and with --aside FILE each line of that file as "trouble TAB LINE", or "trouble" where it
# is empty, and nothing where there is no such file; and with --held FILE each line of that file as "held TAB LINE".
# With --every SECONDS (0.2 at least, with --sample 64 and --timeout 10 at most) it asks again and again, a round beginning
# that long after the one before, and ends when a link of --while LINK=TARGET leads elsewhere or nobody reads. With --urgent, for the
# guard, 0.05 at least, and silence is noticed within 10 ms.
use strict;
use warnings;
use Socket;
use IO::Handle;
use Fcntl qw(LOCK_SH LOCK_NB);
use Errno qw(EINPROGRESS EWOULDBLOCK EAGAIN ECONNREFUSED EHOSTUNREACH ENETUNREACH ETIMEDOUT ECONNRESET);
use Getopt::Long;

my ($folder) = __FILE__ =~ m{^(.*/)?}s;
$folder = ($folder // '') eq '' ? '.' : $folder;

my %option = (source => '', timeout => 1, deadline => 10, within => 0, parallel => 512, sample => 0, every => 0, lock => '', while => {}, aside => '', held => '', urgent => 0);
GetOptions(\%option, 'source=s', 'timeout=f', 'deadline=f', 'within=f', 'parallel=i', 'sample=i', 'every=f', 'lock=s', 'while=s%', 'aside=s', 'held=s', 'urgent') or exit 2;

# Round after round must not be a flood, whoever asks for it.
if ($option{every}) {
    my $least = $option{urgent} ? 0.05 : 0.2;
    $option{every} = $least if $option{every} < $least;
    $option{timeout} = 10 if $option{timeout} > 10;
    $option{sample} = 64 if $option{sample} > 64;
}

# Time::HiRes is not in perl-base; this clock is also safe from clock jumps.
sub now {
    open my $uptime, '<', '/proc/uptime' or die "probe.pl: /proc/uptime: $!\n";
    return (split ' ', <$uptime>)[0];
}

my @groups = ([]);
my $mark;
use constant { SO_MARK => 36, TCP_QUICKACK => 12, NON_BLOCKING => 04000 };
while (my $line = <STDIN>) {
    chomp $line;
    my ($kind, $address, @rest) = split /\t/, $line;
    if ($kind eq 'mark') { $mark = hex $address; next }
    if ($kind eq 'group') { push @groups, []; next }
    my %check = (kind => $kind, address => $address, mark => $mark, reason => 'not asked', cause => 'unasked');
    if ($kind =~ /^https?$/) { @check{qw(port host path status body label)} = @rest }
    elsif ($kind eq 'tcp') { @check{qw(port greeting label)} = @rest }
    elsif ($kind eq 'tls') { @check{qw(port host file label)} = @rest }
    elsif ($kind eq 'hello') { @check{qw(port host label)} = @rest }
    elsif ($kind eq 'dns') { @check{qw(port zone label)} = @rest }
    elsif ($kind eq 'ping' || $kind eq 'host') { @check{qw(port label)} = (0, @rest) }
    else { die "probe.pl: unknown check $kind\n" }
    push @{ $groups[-1] }, \%check;
}

# Numbers, as /etc/protocols is missing on the smallest systems.
my %socket_of = (
    http => [SOCK_STREAM, 6],
    https => [SOCK_STREAM, 6],
    tcp => [SOCK_STREAM, 6],
    tls => [SOCK_STREAM, 6],
    hello => [SOCK_STREAM, 6],
    dns => [SOCK_DGRAM, 17],
    ping => [SOCK_RAW, 1],
    host => [SOCK_RAW, 1],
);

# One non-blocking socket on its way to the address, or undef with the reason noted.
sub start {
    my ($check, $now) = @_;
    my ($type, $protocol) = @{ $socket_of{ $check->{kind} } };
    my $is_host = $check->{kind} eq 'host';
    $check->{began} = $now;
    socket(my $socket, PF_INET, $type | NON_BLOCKING, $protocol) or return failed($check, "socket: $!");
    if (defined $check->{mark} && !$is_host) {
        setsockopt($socket, SOL_SOCKET, SO_MARK, pack 'I', $check->{mark})
            or return failed($check, "mark $check->{mark}: $!");
    }
    reset_at_close($socket) if $option{every};
    # No packet of its own for the handshake's last step: the question goes with it.
    setsockopt($socket, 6, TCP_QUICKACK, pack 'i', 0) if $check->{kind} =~ /^(http|hello)$/;
    if ($option{source} && !$is_host) {
        bind($socket, sockaddr_in(0, inet_aton($option{source})))
            or return failed($check, "source $option{source}: $!");
    }
    my $to = sockaddr_in($check->{port}, inet_aton($check->{address}));
    if (!connect($socket, $to) && $! != EINPROGRESS) { return failed($check, "$!", cause_of('unasked')) }
    @$check{qw(socket answer state until)} = ($socket, '', 'connect', $now + $option{timeout});
    my $datagram = $type == SOCK_RAW ? echo_request() : $check->{kind} eq 'dns' ? question($check->{zone}) : '';
    if ($datagram) {
        defined send($socket, $datagram, 0) or return failed($check, "$!");
        $check->{state} = 'read';
    }
    return $check;
}

# Leaves nothing behind in the server and in conntrack, where an ordinary close would for minutes.
sub reset_at_close { setsockopt($_[0], SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0) }

sub echo_request {
    my $body = pack 'CCnnn', 8, 0, 0, $$ & 0xffff, 1;
    substr($body, 2, 2) = pack 'n', checksum($body);
    return $body;
}

# One question, type SOA, class IN (RFC 1035, 4.1).
sub question {
    my ($zone) = @_;
    return pack('n6', $$ & 0xffff, 0, 1, 0, 0, 0) . join('', map { pack 'C/a', $_ } split /\./, $zone) . pack 'xnn', 6, 1;
}

sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

# Answered since the last look at the clock.
my @just_now;

sub failed {
    my ($check, $reason, $cause) = @_;
    @$check{qw(reason cause)} = ($reason, $cause // 'unasked');
    delete $check->{socket};
    push @just_now, $check;
    return;
}

sub passed {
    my ($check) = @_;
    $check->{ok} = 1;
    delete $check->{socket};
    push @just_now, $check;
    return;
}

# What $! says of whom we asked.
sub cause_of {
    my ($else) = @_;
    return 'refused' if $! == ECONNREFUSED;
    return 'unreachable' if $! == EHOSTUNREACH || $! == ENETUNREACH;
    return $! == ETIMEDOUT ? 'silent' : $else;
}

sub writable {
    my ($check) = @_;
    my $error = unpack 'i', getsockopt($check->{socket}, SOL_SOCKET, SO_ERROR);
    if ($error) { $! = $error; return failed($check, "$!", cause_of($! == ECONNRESET ? 'late' : 'unasked')) }
    return passed($check) if $check->{kind} eq 'tcp' && $check->{greeting} eq '-';
    $check->{state} = 'read';
    return if $check->{kind} eq 'tcp';
    my $request = $check->{kind} =~ /^(tls|hello)$/ ? client_hello($check->{host}) : "GET $check->{path} HTTP/1.0\r\nHost: $check->{host}\r\nUser-Agent: loopback-ha\r\n\r\n";
    if ($check->{kind} eq 'https') {
        require "$folder/tls13.pl";
        $check->{talk} = Tls13::begin($check->{host}, $request);
        return secretly($check, 0);
    }
    defined send($check->{socket}, $request, 0) or return failed($check, "$!", cause_of('late'));
    return;
}

# What was read by TLS 1.3, and what is to be said next.
sub secretly {
    my ($check, $ended) = @_;
    my $talk = $check->{talk};
    Tls13::take($talk, $check->{answer});
    $check->{answer} = '';
    if ($talk->{out} ne '') {
        defined send($check->{socket}, $talk->{out}, 0) or return failed($check, "$!", cause_of('late'));
        $talk->{out} = '';
    }
    return failed($check, $talk->{failed}, $talk->{unknown} ? 'unasked' : 'other') if $talk->{failed};
    local $check->{answer} = $talk->{answer};
    return spoke($check, $ended);
}

# SHA-256 of a certificate, when it begins, and whether it has the name in it.
my %known_certificate;
sub told_certificate {
    my ($check) = @_;
    my $certificate = $check->{kind} eq 'https' && $check->{talk} ? $check->{talk}{certificate} // '' : '';
    return '' if $certificate eq '';
    my $all = $known_certificate{$certificate} //= "\t" . unpack('H*', Tls13::sha256($certificate)) . "\t" . Tls13::begins($certificate);
    my ($name, $parent) = ($check->{host}, $check->{host} =~ s/^[^.]*/*/r);
    return $all . (lc($certificate) =~ /\Q$name\E|\Q$parent\E/ ? "\tnamed" : "\tanother");
}

# A ClientHello of TLS 1.2 (RFC 5246, 7.4.1.2) with the name (RFC 6066, 3) and what browsers offer.
sub client_hello {
    my ($name) = @_;
    my $extensions = join '', map { pack 'n n/a', @$_ }
        [0, pack 'n/a', pack 'C n/a', 0, $name],
        [10, pack 'n/a', pack 'n*', 0x1d, 0x17, 0x18, 0x19],
        [11, pack 'C/a', "\0"],
        [13, pack 'n/a', pack 'n*', 0x403, 0x503, 0x603, 0x804 .. 0x806, 0x401, 0x501, 0x601];
    my $suites = pack 'n*', 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x9e, 0x9f;
    my $hello = pack 'n a32 C n/a C/a n/a', 0x303, join('', map { chr rand 256 } 1 .. 32), 0, $suites, "\0", $extensions;
    return pack 'Cn n/a', 22, 0x301, pack 'C C n/a', 1, 0, $hello;
}

my %certificate_of;
# The first certificate of a file, as it goes over the wire. MIME::Base64 is not in perl-base.
sub certificate_in {
    my ($name) = @_;
    return $certificate_of{$name} //= do {
        open my $file, '<', $name or die "probe.pl: $name: $!\n";
        my ($text) = join('', <$file>) =~ /-----BEGIN CERTIFICATE-----([^-]*)-----END/ or die "probe.pl: $name has no certificate\n";
        $text =~ tr{A-Za-z0-9+/}{}cd;
        $text =~ tr{A-Za-z0-9+/}{ -_};
        join '', map { unpack 'u', chr(32 + int(length($_) * 3 / 4)) . $_ } $text =~ /(.{1,60})/gs;
    };
}

# The server's first messages are in clear: ServerHello, and Certificate with the site's own first (RFC 5246, 7.4.2).
sub showed {
    my ($check, $ended) = @_;
    my ($rest, $messages) = ($check->{answer}, '');
    while (length $rest >= 5) {
        my ($type, undef, $length) = unpack 'Cnn', $rest;
        return failed($check, 'speaks no TLS', 'other') if $type != 22 && $type != 21;
        last if length $rest < 5 + $length;
        my $record = substr $rest, 5, $length;
        return failed($check, 'ended the TLS handshake (alert ' . (unpack 'xC', $record) . ')', 'other') if $type == 21;
        $messages .= $record;
        $rest = substr $rest, 5 + $length;
    }
    while (length $messages >= 4) {
        my ($type, $high, $low) = unpack 'CCn', $messages;
        my $length = ($high << 16) + $low;
        last if length $messages < 4 + $length;
        if ($type == 11) {
            my ($top, $bottom) = unpack 'x7 Cn', $messages;
            my $shown = substr $messages, 10, ($top << 16) + $bottom;
            reset_at_close($check->{socket});
            return passed($check) if $shown eq certificate_in($check->{file});
            return failed($check, 'shows another certificate', 'other');
        }
        $messages = substr $messages, 4 + $length;
    }
    return if !$ended && length $check->{answer} < 65536;
    return failed($check, 'shows no certificate', 'late');
}

# Any record of a handshake's beginning shows that its TLS is alive: a version or a name that it does not like is an answer, too.
sub greeted_back {
    my ($check, $ended) = @_;
    my ($type, $version) = unpack 'CC', $check->{answer};
    if (defined $version) {
        return failed($check, 'speaks no TLS', 'other') if $version != 3 || $type != 22 && $type != 21;
        reset_at_close($check->{socket});
        return passed($check);
    }
    return if !$ended;
    return failed($check, 'ended the connection without a word of TLS', 'late');
}

# What an answer begins with, fit for a message.
sub beginning {
    my ($first) = ($_[0] // '') =~ /^([\x20-\x7e]{0,80})/;
    return $first;
}

sub greeted {
    my ($check, $ended) = @_;
    my ($answer, $greeting) = @$check{qw(answer greeting)};
    return passed($check) if index($answer, $greeting) == 0;
    return if !$ended && index($greeting, $answer) == 0;
    return failed($check, 'said "' . beginning($answer) . "\" instead of \"$greeting\"", $answer eq '' ? 'late' : 'other');
}

my %code_names = (2 => 'SERVFAIL', 3 => 'NXDOMAIN', 5 => 'REFUSED');

sub resolved {
    my ($check) = @_;
    my ($id, $flags, undef, $count) = unpack 'n4', $check->{answer};
    $check->{answer} = '';
    # Somebody else's.
    return if !defined $count || $id != ($$ & 0xffff) || !($flags & 0x8000);
    my $code = $flags & 15;
    return failed($check, 'answered ' . ($code_names{$code} // "with code $code"), 'other') if $code;
    return failed($check, 'does not have the zone itself', 'other') unless $count && $flags & 0x0400;
    return passed($check);
}

sub readable {
    my ($check) = @_;
    my $count = sysread $check->{socket}, $check->{answer}, 65536, length $check->{answer};
    if (!defined $count) {
        return if $! == EAGAIN || $! == EWOULDBLOCK;
        return failed($check, "$!", cause_of('late'));
    }
    if ($check->{kind} eq 'ping' || $check->{kind} eq 'host') {
        my $type = unpack 'C', substr $check->{answer}, (ord($check->{answer}) & 0x0f) * 4, 1;
        my $id = unpack 'n', substr $check->{answer}, (ord($check->{answer}) & 0x0f) * 4 + 4, 2;
        $check->{answer} = '';
        return passed($check) if $type == 0 && $id == ($$ & 0xffff);
        return;
    }
    return greeted($check, !$count) if $check->{kind} eq 'tcp';
    return resolved($check) if $check->{kind} eq 'dns';
    return showed($check, !$count) if $check->{kind} eq 'tls';
    return greeted_back($check, !$count) if $check->{kind} eq 'hello';
    return secretly($check, !$count) if $check->{kind} eq 'https';
    return spoke($check, !$count);
}

# An HTTP answer is good as soon as it begins so; a bad one is read to its end, or as far as a message needs it.
sub spoke {
    my ($check, $ended) = @_;
    my ($status, $body) = $check->{answer} =~ m{^HTTP/1\.\d (\d+).*?\r\n\r\n(.*)}s;
    if (defined $body && $status eq $check->{status} && ($check->{body} eq '-' || index($body, $check->{body}) == 0)) {
        reset_at_close($check->{socket});
        return passed($check);
    }
    # No words are waited for.
    return if $check->{body} eq '-' && other_status($check);
    return if !$ended && length $check->{answer} < 65536;
    return if other_status($check);
    return failed($check, 'no HTTP answer', 'late') if !defined $body;
    return failed($check, 'answered "' . beginning($body) . "\" instead of \"$check->{body}\"", 'other');
}

# Whatever comes after it: who answers with another status lives.
sub other_status {
    my ($check) = @_;
    my ($status) = ($check->{talk} ? $check->{talk}{answer} : $check->{answer}) =~ m{^HTTP/1\.\d (\d{3})\b} or return 0;
    return 0 if $status eq $check->{status};
    failed($check, "HTTP status $status instead of $check->{status}", "status $status");
    return 1;
}

sub timed_out {
    my ($check) = @_;
    return if $check->{kind} =~ /^https?$/ && other_status($check);
    my $connected = $check->{state} eq 'read' && $check->{kind} =~ /^(https?|tcp|tls|hello)$/;
    return failed($check, "no answer within $option{timeout} s", $connected ? 'late' : 'silent');
}

# The kernel's word on neighbours: who answers no ARP has no address there.
sub look_for_arp {
    my @hosts = grep { $_->{kind} eq 'host' && !$_->{ok} } @_ or return;
    open my $table, '<', '/proc/net/arp' or return;
    my %flags = map { (split)[0, 2] } <$table>;
    for my $host (grep { hex($flags{ $_->{address} } // '2') == 0 } @hosts) {
        @$host{qw(reason cause)} = ('answers no ARP', 'noarp');
    }
    return;
}

# Every one of these that is not ok yet, once. However many there are, it ends: then those that were not asked have failed.
use constant ROUND => 10;
sub round {
    my ($end, @all) = @_;
    my @waiting = grep { !$_->{ok} } @all;
    my %running;
    my ($reading, $writing, $looked) = ('', '', 0);
    while (@waiting || %running) {
        # Asked for once: it takes as long as a question.
        my $now = now();
        note_times($now);
        while (@waiting && keys %running < $option{parallel}) {
            my $check = start(shift @waiting, $now) or next;
            my $fd = fileno $check->{socket};
            $running{$fd} = $check;
            vec($check->{state} eq 'read' ? $reading : $writing, $fd, 1) = 1;
        }
        select my $read = $reading, my $write = $writing, undef, $option{urgent} ? 0.01 : 0.05;
        # Of many that are asked, few are ready at a time.
        for my $fd (set_bits($write), set_bits($read)) {
            my $check = $running{$fd} or next;
            if ($check->{state} eq 'connect') {
                writable($check);
                vec($writing, $fd, 1) = 0;
                vec($reading, $fd, 1) = 1 if $check->{socket};
            }
            else {
                readable($check);
                vec($reading, $fd, 1) = 0 if !$check->{socket};
            }
            delete $running{$fd} if !$check->{socket};
        }
        if ($now > $looked) {
            $looked = $now;
            for my $fd (keys %running) {
                # Also one that answers a byte at a time.
                next if $now <= $running{$fd}{until};
                timed_out($running{$fd});
                delete $running{$fd};
                vec($_, $fd, 1) = 0 for $reading, $writing;
            }
        }
        if ($option{within} && $now > $end) {
            failed($_, 'not asked in time') for values %running;
            %running = ();
        }
        if ($now > $end) {
            failed($_, 'not asked in time') for @waiting;
            @waiting = ();
        }
    }
    note_times(now());
    look_for_arp(@all);
    return !grep { !$_->{ok} } @all;
}

# The clock is looked at once for many.
sub note_times {
    my ($now) = @_;
    $_->{ms} = sprintf '%.0f', ($now - ($_->{began} // $now)) * 1000 for splice @just_now;
    return;
}

sub set_bits {
    my @set;
    my $bits = unpack 'b*', $_[0];
    push @set, pos($bits) - 1 while $bits =~ /1/g;
    return @set;
}

sub report {
    my ($busy, @asked) = @_;
    my @lines = map {
        join("\t", $_->{ok} ? 'ok' : 'fail', @$_{qw(address label)}, $_->{ok} ? ('', '') : @$_{qw(reason cause)}, $_->{ms} // '') . told_certificate($_) . "\n"
    } @asked;
    push @lines, "busy\t$busy" if $busy;
    push @lines, tracked() if $option{lock};
    push @lines, aside() if $option{aside};
    push @lines, held() if $option{held};
    push @lines, "end\n" if $option{lock};
    print @lines;
    STDOUT->flush;
}

# How full the table of connections is; a kernel without one has no such file.
sub tracked {
    my @numbers;
    for my $name (qw(count max)) {
        open my $file, '<', "/proc/sys/net/netfilter/nf_conntrack_$name" or return;
        push @numbers, <$file> =~ /(\d+)/;
    }
    return @numbers == 2 ? "conntrack\t$numbers[0]\t$numbers[1]\n" : ();
}

# What somebody else finds out meanwhile, which takes longer than a round.
sub aside {
    open my $file, '<', $option{aside} or return;
    my @lines = map { "trouble\t$_" } <$file>;
    return @lines ? @lines : "trouble\n";
}

# What this router's guard holds as dead: only the guard writes that file.
sub held {
    open my $file, '<', $option{held} or return;
    return map { "held\t$_" } grep { /\S\n\z/ } <$file>;
}

# Who has the lock, as a line; undef: nobody.
sub holder {
    open my $lock, '<', $option{lock} or return;
    return if flock $lock, LOCK_SH | LOCK_NB;
    open my $note, '<', $option{lock} =~ s{[^/]*$}{holder}r or return "somebody\n";
    return <$note> // "somebody\n";
}

# All checks without a group, and of each group a few, far apart: neighbours are of one site, and fail together.
sub sample {
    my ($turn) = @_;
    return map {
        my ($group, $count) = ($groups[$_], $option{sample});
        my $size = @$group;
        !$_ || !$count || $size <= $count
            ? @$group
            : map { $group->[($turn + int($_ * $size / $count)) % $size] } 0 .. $count - 1;
    } 0 .. $#groups;
}

sub ends {
    my %target = %{ $option{while} };
    return grep { (readlink($_) // '') ne $target{$_} } keys %target;
}

if ($option{every}) {
    my $next = now();
    for (my $turn = 0; !ends(); $turn++) {
        my @asked = sample($turn);
        @$_{qw(ok reason cause ms)} = (0, 'not asked', 'unasked') for @asked;
        my $busy = holder();
        round(now() + $option{timeout}, @asked);
        $busy //= holder();
        report($busy, @asked);
        $next += $option{every};
        # One that is late moves those after it: they never come in a bunch.
        $next = now() if $next < now();
        select undef, undef, undef, $next - now();
    }
    exit 0;
}

my @asked = sample(0);
my $busy = $option{lock} ? holder() : undef;
# Some of many, far apart.
use constant FEW => 32;
sub few {
    my $step = @_ > FEW ? @_ / FEW : 1;
    return map { $_[$_ * $step] } 0 .. ($step > 1 ? FEW : @_) - 1;
}

my $give_up = now() + $option{deadline};
for (my ($last, @left) = (!$option{deadline}, @asked); @left; ) {
    # A machine that is still getting ready has better to do than to hear of thousands: the rest comes when one is answered.
    my @now = $last ? @left : few(@left);
    my $end = $option{within} ? now() + $option{within} : $give_up > now() + ROUND ? $give_up : now() + ROUND;
    round($end, @now);
    round($end, @left) if @now < @left && grep { $_->{ok} } @now;
    @left = grep { !$_->{ok} } @left;
    last if $last || !@left;
    $last = now() + 0.4 > $give_up;
    select undef, undef, undef, 0.2;
}
$busy //= holder() if $option{lock};
report($busy, @asked);
exit(grep({ !$_->{ok} } @asked) ? 1 : 0);
