#!/usr/bin/perl
# Stands for php-fpm: answers FastCGI (the specification's responder) on a unix socket with what it would run.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path) = @ARGV;
unlink $path;
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64) or die "$path: $!\n";
chmod 0666, $path;
while (my $client = $listener->accept) {
    my $params = '';
    while (read($client, my $header, 8)) {
        my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $header;
        my $body = '';
        read $client, $body, $length + $padding if $length + $padding;
        $params .= substr $body, 0, $length if $type == 4;
        last if $type == 5 && !$length;
    }
    my %param = pairs_of($params);
    # As php-fpm has it.
    $param{SCRIPT_FILENAME} =~ s{^proxy:fcgi://localhost(?=/)}{};
    my $text = "Content-Type: text/plain\r\n\r\nran $param{SCRIPT_FILENAME} for $param{REQUEST_URI}\n";
    print {$client} pack('CCnnCC', 1, 6, 1, length $text, 0, 0), $text, pack('CCnnCC', 1, 3, 1, 8, 0, 0), pack('NCx3', 0, 0);
    close $client;
}

sub pairs_of {
    my ($text) = @_;
    my @pairs;
    while ($text ne '') {
        my @lengths;
        for (1, 2) {
            my $first = unpack 'C', $text;
            push @lengths, $first < 128 ? $first : unpack('N', $text) & 0x7fffffff;
            substr $text, 0, $first < 128 ? 1 : 4, '';
        }
        push @pairs, map { substr $text, 0, $_, '' } @lengths;
    }
    return @pairs;
}
