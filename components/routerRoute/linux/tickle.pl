#!/usr/bin/perl
# Tells clients that their connection is gone: one bare ACK in the name of the VIP, with a sequence number out of
# every window. The client answers it (RFC 9293, 3.10.7.4), and the router's rules reset the connection.
# stdin: CLIENT PORT VIP PORT, one flow a line.
use strict;
use warnings;
use Socket;

use constant { RAW => 255, HEADER_INCLUDED => 3, RATE => 20_000, BURST => 200 };

sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub bare_ack {
    my ($from, $from_port, $to, $to_port) = @_;
    my $tcp = pack 'nnNNCCnnn', $from_port, $to_port, 0, 0, 5 << 4, 0x10, 1024, 0, 0;
    substr($tcp, 16, 2) = pack 'n', checksum(pack('a4a4CCn', $from, $to, 0, 6, length $tcp) . $tcp);
    # The kernel fills in length, identification and checksum.
    return pack('CCnnnCCna4a4', 0x45, 0, 0, 0, 0, 64, 6, 0, $from, $to) . $tcp;
}

socket(my $raw, PF_INET, SOCK_RAW, RAW) or die "tickle.pl: raw socket: $!\n";
setsockopt($raw, 0, HEADER_INCLUDED, 1) or die "tickle.pl: IP_HDRINCL: $!\n";
while (my $line = <STDIN>) {
    my ($client, $client_port, $vip, $vip_port) = split ' ', $line;
    my ($to, $from) = (inet_aton($client), inet_aton($vip));
    # One that can't be told is no reason to keep the others waiting.
    send $raw, bare_ack($from, $vip_port, $to, $client_port), 0, sockaddr_in($client_port, $to);
    select undef, undef, undef, BURST / RATE if $. % BURST == 0;
}
